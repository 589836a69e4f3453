// The workers that answer, as many as there are cores for: see worker.js.

const MOST = 4; // each holds the network's weights

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
    this._idle = Array.from({ length: Math.min(cores, MOST) }, () => {
      const worker = new Worker(address);
      worker.onmessage = ({ data }) => this._answered(worker, data);
      worker.onerror = ({ message }) => this._failed(worker, message);
      return worker;
    });
    // The first of them all is set up before anything else is asked.
    this.ready = Promise.all(
      [...this._idle].map((worker) => this._send(worker, setup)),
    );
    this._idle = [];
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

  _send(worker, question) {
    return new Promise((resolve, reject) => this._post(
      worker, { question, resolve, reject },
    ));
  }

  _post(worker, each) {
    const id = (this._number += 1);
    this._open.set(id, { ...each, worker });
    worker.postMessage({ id, ...each.question });
  }

  _next() {
    while (this._idle.length && this._waiting.length) {
      this._post(this._idle.pop(), this._waiting.shift());
    }
  }

  _answered(worker, { id, failed, ...answer }) {
    const { resolve, reject } = this._open.get(id);
    this._open.delete(id);
    this._idle.push(worker);
    if (failed === undefined) resolve(answer);
    else reject(new Error(failed));
    this._next();
  }

  /** A worker that died takes what it was asked with it. */
  _failed(worker, message) {
    for (const [id, each] of this._open) {
      if (each.worker !== worker) continue;
      this._open.delete(id);
      each.reject(new Error(message || "the browser ended it"));
    }
    this._idle.push(worker);
    this._next();
  }
}
