// Which files were dropped or chosen, and which of them belong together.

const TEXTS = /\.(hdr|txt)$/i; // what microscopes write beside a picture

const folderOf = (path) => path.slice(0, path.lastIndexOf("/") + 1);
const stemOf = (path) => path.replace(/\.[^./]*$/, "");

/** The name of a file without its folders. */
export const baseOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/**
 * Every file of what was dropped, of folders to any depth.
 * @param {DataTransferItemList} items
 * @returns {Promise<[string, File][]>} each with its path in what was dropped
 */
export async function filesIn(items) {
  const found = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((ok, no) => entry.file(ok, no));
      found.push([path + entry.name, file]);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((ok, no) => reader.readEntries(ok, no));
      if (!some.length) return;
      for (const each of some) await walk(each, `${path}${entry.name}/`);
    }
  };
  const entries = [...items].map((item) => item.webkitGetAsEntry?.());
  for (const entry of entries) if (entry) await walk(entry, "");
  return found;
}

/**
 * Files to answer for, each with the texts that lie beside it.
 * @param {[string, File][]} some
 * @returns {{path: string, file: File, beside: File[]}[]} texts that belong to
 *   a picture are not among them
 */
export function withTexts(some) {
  const pictures = some.filter(([path]) => !TEXTS.test(path));
  const stems = new Map();
  for (const [path] of pictures) {
    const ending = path.slice(stemOf(path).length + 1);
    // Tescan's text for a.tif is called a-tif.hdr or a.hdr.
    for (const stem of [stemOf(path), `${stemOf(path)}-${ending}`]) {
      stems.set(stem, path);
    }
  }
  const beside = new Map(pictures.map(([path]) => [path, []]));
  const alone = [];
  for (const [path, file] of some) {
    if (!TEXTS.test(path)) continue;
    const owner = stems.get(stemOf(path));
    if (owner === undefined) alone.push([path, file]);
    else beside.get(owner).push(file);
  }
  return [...pictures, ...alone].map(([path, file]) => ({
    path, file, beside: beside.get(path) ?? [],
  }));
}
