/** Fails the run when a test was left out, whoever left it out: nothing is skipped in silence. */
export default class NoSkipsReporter {
  #leftOut = [];
  #chosenByName;

  constructor({ testNamePattern }) {
    // `npm test -- -t name` leaves out what it was told to.
    this.#chosenByName = Boolean(testNamePattern);
  }

  onTestResult({ path }, { testResults }) {
    if (this.#chosenByName) return;
    for (const { status, fullName } of testResults) {
      if (status !== 'passed' && status !== 'failed') this.#leftOut.push(`${status}: ${fullName} (${path})`);
    }
  }

  onRunComplete() {
    if (this.#leftOut.length > 0) process.stderr.write(`\nTests left out:\n  ${this.#leftOut.join('\n  ')}\n`);
  }

  getLastError() {
    return this.#leftOut.length > 0 ? new Error(`${this.#leftOut.length} tests were left out`) : undefined;
  }
}
