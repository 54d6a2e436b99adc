// Loaded before a program (`node --import`): its clock is wrong by LEASEHOLD_TEST_SKEW_MS, as a machine's may be.
const skewMs = Number(process.env.LEASEHOLD_TEST_SKEW_MS);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + skewMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + skewMs;
  }
};
