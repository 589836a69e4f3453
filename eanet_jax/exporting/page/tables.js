// Answers as tables: what `eanet predict` writes of micrographs, without what
// only the training images can tell (nearest, trained_on).

/** Columns in the order of predict, see inference/answer_rows.py. */
export function columns(classNames) {
  const taken = new Set([
    "file", "label", "probability", "set", "novelty", "verdict", "reason",
    "um_per_px", "um_from", "crop_rows", "bar_from", "remarks", "error",
    "network_id", "nearest", "nearest_specimen", "nearest_distance",
    "trained_on",
  ]);
  const own = classNames.map((name) =>
    (taken.has(name) ? `${name} (class)` : name));
  return [
    "file", "label", "probability", ...own, "set", "novelty", "verdict",
    "reason", "um_per_px", "um_from", "crop_rows", "bar_from", "remarks",
    "error", "network_id",
  ];
}

/** A row's cells by column; of a file that could not be used, few. */
function cells(row, classNames, networkId) {
  const names = columns(classNames);
  const made = { ...row, network_id: networkId };
  delete made.probabilities;
  row.probabilities?.forEach((each, i) => (made[names[3 + i]] = each));
  if (row.set) made.set = row.set.join("; ");
  if (row.remarks) made.remarks = row.remarks.join("; ");
  return made;
}

function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @returns {string} CSV as predict writes it */
export function asCsv(rows, classNames, networkId) {
  const names = columns(classNames);
  const lines = rows.map((row) => {
    const made = cells(row, classNames, networkId);
    return names.map((name) => csvCell(made[name])).join(",");
  });
  return `${[names.map(csvCell).join(","), ...lines].join("\n")}\n`;
}

/** @returns {string} a JSON object a line, as predict writes it */
export function asJsonLines(rows, classNames, networkId) {
  const names = columns(classNames);
  return rows.map((row) => {
    const made = cells(row, classNames, networkId);
    const all = names.map((name) => [name, made[name] ?? null]);
    return `${JSON.stringify(Object.fromEntries(all))}\n`;
  }).join("");
}
