/**
 * Whether this browser decodes a JPEG as the program does.
 *
 * The standard leaves decoders some freedom: a small picture in colours, of
 * half as many columns and rows of them, is decoded and held against what the
 * program's decoder (libjpeg-turbo) makes of it.
 */

const _JPEG = [
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh",
  "0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIy",
  "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjL/wAARCAAgAC",
  "ADASIAAhEBAxEB/8QAGAAAAwEBAAAAAAAAAAAAAAAABQYHAwT/xAArEAABAwMEAQMCBwAAAAAA",
  "AAABAgMRAAQFBhIhMWETIpFR0RZBgaHB4fD/xAAWAQEBAQAAAAAAAAAAAAAAAAAEAgX/xAAcEQ",
  "ACAgMBAQAAAAAAAAAAAAABBAIDAAURISL/2gAMAwEAAhEDEQA/AHq0ydjd2IQtSE8c8QT5FI+e",
  "0q1krgKYIUZkQnz3QHJ3N5iPamfoIn8qM6V1MHn0Idggq56E/wBGtRDUSprLNR6MNvV74sRqSl",
  "2IzitcDdYZv1dpkCNwPda/jBTbgYc5BPRH7fFUq+cx95YAFSd5TtHxUm1Dpxx++UtnlImNoqRt",
  "dcZEMx9xmxfrmrFG0ckcdMxY2maJUgNye/HdAHdHvWDYcbnYOQQOR39qBafz921dIQ+CQTMzx+",
  "nj71UrTN2VxZKSsp3FInqo2bLGnRjGHoOC01LlDU2p/UBkovdSXmMeUypRKQR7R2P9NNmkMszf",
  "uJ9ZUz9TwaxzGmWcm4VNJBCjxsMyfFDW8Jc4IpcQo+2Jgfx81nJIqNLlpo8OKgVt8/54Rn//2Q",
  "==",
].join("");
/** The grey levels (32, 32) of the program. */
const _GREY = [
  "s7bBzMq8sa6PcGVUPSceNjM7QERYeI6TnLCptbSmqpLBy9XZ2tK9qJ2IfGJLPzI+LjxGS1dtfY",
  "GZnJyrrqOkobPL2tjX2cy3opSJaVZSQkIzRVVaYGt0dY1+h5OWk4+ho77S0MnM0tKtnZN6amVU",
  "VEVSX2RpcHJwf2t6d3mAd46otMXPzsvQ2MStppiKfm52YWNmaW5xbWdvZXFhYHBodp6dqcLT0s",
  "vIxrCupZqOgpCFgXx8fXlvZV1dXk5KWFpggoiUpre/urGupqqfmZ2Yo6CenJuWiXpvV1dIQz06",
  "S1FziZaRkJuin5yirZ2dsbO5p6qwsKaTgnhhWj5FPClET2B3eHeHi4eRi4CQoKC0w7K/1sy7rK",
  "Ocf3NjVUMtKjExXG1rZ3N0bnSMhoyjsKuzy8bc1cm9s6qLhXFeSTEsMC1mbmlkamhgYWJxdIei",
  "nKXVy+Dd2NDEuJqQeGFKNTEzLWZlXVhYU0tHSmRtdIqdsc3J3d3g3M7CpZd9ZVFAP0E5dGlgWU",
  "9GPjZMTmBsb4qqsMXX2eLf0Mewp412ZFVUVEqMe3FmUEM8MkctQ2NhcJSivMzP2dbHxLawmoZ3",
  "Z2RhVpR/d2tMPDguOjA9WGRuiqequLrFv7C1sKqZjoV5dnVsooyHe1lISD8iPDs7VGNxkJilp7",
  "Gqm6SloZWSkIqLjoa9qZl4cFVOQTQ9R1FNUmF2eoGTkKSQk5WNjI6UnKOlpM65qoyGbWVVQkZQ",
  "WlpYXGRxc316kH9+fnt9gYiSn6641MK2nJmBeWlYVFhcYlxbWWliXlluZ2dqaHF8hpKkusrHvL",
  "ihn4iEeHdta2FqZGlmZFlJQU5PU11YZHeImau9yre0uqelkJOPlYyNeH9xe3dgWkY+PTs4REpV",
  "ZnySp7nErK24q66fp6ajoa6Um4CFd2JgSkQ2Lx8nQklWaoOetsWcmqagrqavrK6vxKu2lZR+cG",
  "hHQTAsGB8zPk5gdo+qvIyGj46lo6ukvLvRuMurqpCAbj83KC8fKCAySlxrfpaobHOJg5OQp6y3",
  "v7y7yMezo4VwX1ZHMSgsJzNHSWtwippoWVl2hImUq7zIycrX1sO1l39nXFNENC04QUZDWGR+lE",
  "1GQGlug4mlrL3EyNTTw7mrmYJwZFhKQDhISlBTXWR4JjxGVFVyg5WiuMPJ1dXJwaWilYFxamZi",
  "RVpXZFliWmofLT42RFR1gZSrt73KzcO+oJ2Uh4B/fXhxfW1vYGhhcjsnLSpEQ2V4g5ehprS5sq",
  "60ppiUlZOIfo2ThoF3cGFlRTg1OEJIXnN7jJGUpKymo66loaSjmpaZm56ckZJ6ZlwxSkpKN1Fb",
  "aGd1d3mJk46LgoyeqqKZqMO0rKaQm4N6bw==",
].join("");

function _bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/**
 * Returns by how many grey levels the pixels of a JPEG are off, at most.
 * @param {(bytes: Uint8Array) => Promise<Uint8Array>} greyOf decodes a JPEG.
 * @returns {Promise<number>}
 */
export async function greatestDifference(greyOf) {
  const found = await greyOf(_bytes(_JPEG));
  const right = _bytes(_GREY);
  return right.reduce(
    (most, level, i) => Math.max(most, Math.abs(level - found[i])),
    0,
  );
}
