import { describe, expect, it } from '@jest/globals';
import { EventCatalogue, type EventDefinition } from '../../src/event-sourcing/event-log/event-catalogue.js';
import type { RecordedEvent } from '../../src/event-sourcing/event-log/events.js';
import { EVENT_DEFINITIONS as DEFINITIONS } from '../../src/app/event-definitions.js';
import { decodedFile, expectedFiles, readJson, sampleFile, sampleFiles, seal } from './samples.js';
import { schemaProblems } from './schema-problems.js';

/**
 * What each sample said when it was frozen. Logs hold such events for good: a sample that no longer fits is never edited,
 * the event gets a new schemaVersion with an upcaster, and a sample of its own. A line here is added, never changed.
 */
const SEALS: Record<string, string> = {
  'CleanupAttemptFailed.v1.json': '9fb147a3299a6c8915119903d7121866bedcd5257c96a133ec185ce9313aac6a',
  'CleanupFailed.v1.json': 'e900382b4c4fe3b7367cc7749e1cc93eebbfd610b4ca8a964f04010cc227b46f',
  'CleanupRequested.v1.json': 'd9dcad73cd287fedcde548526c0fe9b59133557ce12c384187be131a9580cfd0',
  'CleanupRetryRequested.v1.json': '65b20fef4104b5e1466a55face5bc16973abda4976eca56bd3647abdfd13e766',
  'CleanupStarted.v1.json': '0dcc3c2a61f40fdec69870dfcafc45b983fcce856d73bc563aeeabe7d89a9d3b',
  'CleanupSucceeded.v1.json': 'a9f5053f7d8a911cb3c4277190a76b9a526da9b5ca3bd8e52234a811b6deca32',
  'CleanupWrittenOff.v1.json': '4b88038bf56bad79f99b47e8ccb1ada1efe44881981afdd30ffd1aa9f21016d3',
  'DoubtOpened.v1.json': '5400c64263fa2cc0acbb87725aab427388f8826238682b45aa43a1405d3238a2',
  'DoubtSettled.v1.json': '24173166f4233d15677c894286cf870afe7db32eb41e24188c4fb155be282fde',
  'EnvironmentChanged.v1.json': '79dae00e28a7bf8d8106c11147cf65921b7cd8f89ecb76436a49d31f0feb11f6',
  'EnvironmentChanged.v2.json': '6fccd2e21da48cac656ceb90a25146e452d2435c456d03a1a83f677abda0feee',
  'EnvironmentCordoned.v1.json': '1713e572ccdd17362dca1aa4317b53446db5744850e5f4da112b3895f2a72787',
  'EnvironmentCreated.v1.json': '4fb4a334086ae478d2396e074ad4e506a6175268d34d725599a0890e8e23bcb9',
  'EnvironmentCreated.v2.json': '26d9322d6abbf9f8f3d4a6c8414a02a479b50fd1722a1d88d16f49d75ba7aa2a',
  'EnvironmentDeleted.v1.json': 'f606d3ddf80111dd9494f03599e83dd0b53dd9f4e528bd4b6d72292ae5e84e08',
  'EnvironmentDrainRequested.v1.json': '45648e18e8c8f78d3674d49fc4ab56f5c4e11812057d32bdc6a4dbee1d7fa600',
  'EnvironmentDrained.v1.json': 'b704797c4c699abf4b7a3c149675a5c695a371e6633f4c60f4f3f96b10af7be0',
  'EnvironmentProbed.v1.json': 'f15dd98017770d75a905636cf6b75d974113f31672852f988ac7a751033c22ee',
  'EnvironmentQuarantined.v1.json': '73205413c35e100a5d1a90e6dc480794aadc6cea5b32bf6d09b87853c5528cb2',
  'EnvironmentRecovered.v1.json': 'b74b8dce2dec399696dc1d271839bd03c0c123d8b45e43cfe40fe17ad4d5c389',
  'EnvironmentUncordoned.v1.json': 'df69d712fd9f8ddfec7658ce607ac328a6667c42e993f1da7a3c0b7322d2e23a',
  'ExecutionFailed.v1.json': '6545b626ac3531f10bf7d7078e42194fa256c427dd7c9c703cb13432bf2ef2fe',
  'ExecutionFinished.v1.json': '2a794e9863d84aa754975da79f02d22a816cf0afa9fe9bf9f86f8415bb839f5d',
  'ExecutionStarted.v1.json': '99aa7fda2e93760dda5afa5fb41ca4874e351ceb97eb5808189ef6d81794bc2b',
  'ExecutionStarted.v2.json': '3547c0e8719f156abeb71553217fd783dcd7242b4f6045979ac62aa4a4e0dcba',
  'LeaseActivated.v1.json': 'a2f685abbe1c2028ee291ae4a43e7a9831ccc2792c93846ff59633093c1290d3',
  'LeaseActivated.v2.json': '32e0db3f1eaaf3b6a0d9cd289a837647e93989cc45c35d7743242573f10bcd3a',
  'LeaseExpired.v1.json': '88f8d0768432c1c90666c4557767f4c26b5837305d587bd488171e1d21ebd042',
  'LeaseExpiring.v1.json': '8eecf2ed844ce31abdfe3261a28c55505b833cfc68c18505ef1b4337e9275b5e',
  'LeaseFailed.v1.json': '78bc489c1c872329cc7dfb4fce7109dad4560794706c08985607e4c87ac8763e',
  'LeaseReleaseRequested.v1.json': 'a8a88134afef464c70fd94fd34e08a7103e286e19c2d7b41ef1d71244b2b64fc',
  'LeaseReleased.v1.json': 'ded4c0a2ba28f7e88867664344365c0b38f2decbb8377c0b378789ccb0d6b743',
  'LeaseRenewed.v1.json': '66dde52f861488d3a80d20ec69879cbbd3dc9b313c6bc3b73a620ee8c69a948f',
  'LeaseRequested.v1.json': 'f76bf28e1c2b021ae6dcdb1f5496d3674c7ea5d0dc65371316d5dbd3ff565a2c',
  'LeaseRequested.v2.json': '3c42b064fd5c096432550c8038e033f90e94b71e9b7af058b0b33ad2c0dff7a6',
  'LeaseRetained.v1.json': '745c73470c4f7ce7e7a8cf53b4b192a19311951cf878d4e692b4c5b1bd849820',
  'LeftoverDestroyed.v1.json': '928603b06c3ca4e945c0cc04220d6d241ef732da147d494d251445c447981f42',
  'LocalEnvironmentClaimed.v1.json': 'd0a21f93a01248d0de99e9912bf75563edd450b921782ef7bde527125bc0b873',
  'LocalEnvironmentFreed.v1.json': 'bf87dd2a9c4e83ba47a7f62d0d7f3cf070d0b3222cdf38d968e3ce86c9f3b1f8',
  'ProvisioningAttemptFailed.v1.json': '7e181cc01441f64cc2ef3f08233942c9eb77e17dcf876fec0dc085df9921f687',
  'ProvisioningOvertaken.v1.json': '68c800e4adbe182fa86ba85489ee29dd5b915f023aa4e431ae39384f9ec9aa98',
  'ProvisioningRequested.v1.json': '536a582a2cc57af61a7c655c1aa23fef005259b651d95b96c32dad98ef7f9005',
  'ProvisioningRequested.v2.json': '342e0d9c4d059c08eb0f34a32a1f2a9c5635d7b9cda4a524d370f8a6de189304',
  'ProvisioningStarted.v1.json': 'b16a676c3ddfe4761e4b705c69af6280a68a0957be4822c4653df7ec61c748a3',
  'ReuseAgreed.v1.json': 'c513b9f28c7d9d9fdee07f5d9bf87b2e364cfea63beddcce78eb0b2cd045afb7',
  'ReuseRejected.v1.json': '10b8cdf2ea77db9c183c7601066596b6a016ae435109df17fac9bea4322278c8',
  'SandboxDiscarded.v1.json': '457df58d5699ecc0cc4f87eac087c19bb6367adfebff9d878161d747fea8e7cf',
  'SandboxHandedOn.v1.json': 'f693834c279add50d3f20683bd6e1e636ea7c2cc4c692fd11ad9a93decd54179',
  'SandboxKept.v1.json': 'cf62af65b497f086ab724b9918fa004c07c8de053f5e11119f33b4e2ae3eb847',
  'SandboxTakenOver.v1.json': 'c099cbd592d39df54b3d4e6585bcfbea2d826eda76afeb20efdec98c6913cc3c',
  'SecretCreated.v1.json': 'a06c9c5d46456cb473ca21df4c8fffaddda1174cc1a4627060e0afa980a6d4bb',
  'SecretDeleted.v1.json': '3fb8fa7b81cbd58ed9b0dff486d03270867b1666a03219c3afbd5d32fb1bc7cf',
  'SecretReferenced.v1.json': '99fef050f721900e0875242ecfa2c1da16ae69bb1bad0abd03c7ab68f0b1d0cc',
  'SecretRotated.v1.json': 'c0479974a2692d24bf5d1f5371e33aa111e8e9702447fd7b5375af4f1fc02447',
  'StaleFenceRefused.v1.json': '527bf48645ef06156b56c5c9be7763372b2d309667906a072afe2b9b85222a37',
  'TokenCreated.v1.json': '152b42c73dbd6855f69e5c0a5fd7806c71e0030bfc304c5a8388b2f85ff6cf91',
  'TokenRevoked.v1.json': '5c3adc6e51f2251b00ed70596140cb1a22d368b2a3eb2e50242c18b2a37267eb',
  'WebhookChanged.v1.json': '90e9f56f3ec16b3e0047d0f1cdc7efefbe51f5c330d25628a4430fa3e4392431',
  'WebhookCreated.v1.json': 'cbf281aac1f49c197234397bd5d4c69d66a3d47090ad3fd1b56fdca8112d0b8d',
  'WebhookDeleted.v1.json': '3eae01cbb26649ab865b7eefffd54dd9754d149f7f4cb1e75659dd77569a43ee',
  'WebhookPaused.v1.json': '0ee6f40e5f56bae366b906621487e3d7a46416625bb2f3fe24b88085e74c5827',
  'WebhookRedeliveryRequested.v1.json': '87e85f89c5b3e14f187268910cdba5e2730565b1aaa742d10bbef20130de43c9',
  'WebhookResumed.v1.json': '7671780a39cec909924c9c6cd258f86a4e19c72238a7cf09cfac08d119dc28fa',
  'WebhookSecretRotated.v1.json': 'f1b13161994045645688b1574803ba97fd32faba645ccdbedfff02a140b0a57c',
  'WorkspaceRealized.v1.json': '63e7d21b539c81a3f0c73d2c4778369fe91dc8ade7b84715022a0a160efd00fb',
  'WorkspaceSynced.v1.json': 'e72a01569a938591ec0ea6a200040fb1a731b03f4536acc324239db9ca508f07',
};

const FIELDS = [
  'position',
  'stream',
  'version',
  'id',
  'type',
  'schemaVersion',
  'companyId',
  'actor',
  'correlationId',
  'causationId',
  'recordedAt',
  'data',
];

const catalogue = new EventCatalogue(DEFINITIONS);

const samples = DEFINITIONS.flatMap((definition) =>
  Array.from({ length: definition.schemaVersion }, (_, index) => ({
    definition,
    version: index + 1,
    file: sampleFile(definition.type, index + 1),
  })),
);

const sampleOf = (file: string): RecordedEvent => readJson(file) as RecordedEvent;

describe('the frozen events', () => {
  it('are one of every version of every event, and there is no other file', () => {
    expect(sampleFiles()).toEqual(expectedFiles(DEFINITIONS));
  });

  it('say what they said when they were frozen', () => {
    const frozen = sampleFiles().filter((file) => !file.endsWith('.decoded.json'));
    expect(Object.fromEntries(frozen.map((file) => [file, seal(file)]))).toEqual(SEALS);
  });

  it.each(samples)('are whole: $file', ({ definition: { type }, version, file }) => {
    const sample = sampleOf(file);
    expect(Object.keys(sample)).toEqual(FIELDS);
    expect(sample).toMatchObject({ type, schemaVersion: version });
    expect(new Date(sample.recordedAt).toISOString()).toBe(sample.recordedAt);
  });

  it.each(samples)('are read as they were meant: $file', ({ definition: { type, schemaVersion }, version, file }) => {
    const stored = sampleOf(file);
    const data = version < schemaVersion ? readJson(decodedFile(type, version)) : stored.data;
    const decoded = catalogue.decode(stored);
    expect(decoded).toStrictEqual({ ...stored, schemaVersion, data });
    expect(schemaProblems(DEFINITIONS, [decoded])).toEqual([]);
  });

  const newest = samples.filter(({ definition, version }) => version === definition.schemaVersion);

  it.each(newest)('hold every field that the schema names: $file', ({ definition: { schema }, file }) => {
    const named = 'properties' in schema ? Object.keys(schema.properties as object) : [];
    expect(Object.keys(sampleOf(file).data as object).sort()).toEqual(named.sort());
  });
});

describe('an event that gets a new version', () => {
  it('needs a sample of it, and of each older one what it is read as', () => {
    const schema = {};
    const moved: EventDefinition = { type: 'Moved', schemaVersion: 2, schema, upcasters: { 1: (data) => data } };
    expect(expectedFiles([moved])).toEqual(['Moved.v1.decoded.json', 'Moved.v1.json', 'Moved.v2.json']);
  });
});

describe('a problem with an event’s data', () => {
  const problems = (type: string, data: unknown) => schemaProblems(DEFINITIONS, [{ type, data }]);

  it.each<[string, string, unknown, string]>([
    ['of an event that is not defined', 'LeaseLost', {}, 'LeaseLost is not defined'],
    ['with a field missing', 'CleanupFailed', {}, 'CleanupFailed must have required properties detail'],
    ['with a field of another type', 'CleanupFailed', { detail: 1 }, 'CleanupFailed/detail must be string'],
    ['with a field that is not named', 'LeaseExpired', { at: 1 }, 'LeaseExpired must not have additional properties'],
    ['that JSON has no word for', 'EnvironmentChanged', { config: { a: NaN } }, 'EnvironmentChanged/config/a is NaN'],
    ['that JSON drops', 'EnvironmentChanged', { config: { a: undefined } }, 'EnvironmentChanged/config/a is undefined'],
  ])('is told: %s', (_case, type, data, problem) => {
    expect(problems(type, data)).toContain(problem);
  });
});
