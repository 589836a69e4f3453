// The workers that answer, as many as there are cores for: see worker.js.

const MOST = 4; // each holds the network's weights
const LONGEST = 60_000; // ms for a view: a file may be made to take for ever

/** Asks workers, each of which does one thing at a time. */
export class Workers {
  /**
   * @param {string} script of a worker
   * @param {object} setup {kernels, network, model, weights}, for each of them
   */
  constructor(script, setup) {
    const cores = navigator.hardwareConcurrency || 2;
    const address = URL.createObjectURL(
      new Blob([script], { type: "text/javascript" }),
    );
    this._waiting = [];
    this._open = new Map();
    this._number = 0;
    this._idle = [];
    this._begin = () => {
      const worker = new Worker(address);
      worker.onmessage = ({ data }) => this._answered(worker, data);
      worker.onerror = ({ message }) => this._failed(worker, message);
      return new Promise((resolve, reject) => {
        this._post(worker, { question: setup, resolve, reject });
      });
    };
    const count = Math.min(cores, MOST);
    this.ready = Promise.all(Array.from({ length: count }, this._begin));
  }

  /**
   * @param {object} question {image} or {bytes, name, told}
   * @returns {Promise<object>} what the worker answers
   */
  ask(question) {
    return new Promise((resolve, reject) => {
      this._waiting.push({ question, resolve, reject });
      this._next();
    });
  }

  _post(worker, each) {
    const id = (this._number += 1);
    this._open.set(id, { ...each, worker, timer: this._timer(worker) });
    worker.postMessage({ id, ...each.question });
  }

  _timer(worker) {
    return setTimeout(() => this._failed(worker, "it takes too long"), LONGEST);
  }

  _next() {
    while (this._idle.length && this._waiting.length) {
      this._post(this._idle.pop(), this._waiting.shift());
    }
  }

  _answered(worker, { id, failed, ...answer }) {
    const { resolve, reject, timer } = this._open.get(id);
    clearTimeout(timer);
    if (answer.goesOn) {
      this._open.get(id).timer = this._timer(worker);
      return;
    }
    this._open.delete(id);
    this._idle.push(worker);
    if (failed === undefined) resolve(answer);
    else reject(new Error(failed));
    this._next();
  }

  /** A worker that died or hangs is ended, and another takes its place. */
  _failed(worker, message) {
    worker.terminate();
    for (const [id, each] of this._open) {
      if (each.worker !== worker) continue;
      clearTimeout(each.timer);
      this._open.delete(id);
      each.reject(new Error(message || "the browser ended it"));
      if (!each.question.kernels) this._begin().catch(() => {});
    }
  }
}
