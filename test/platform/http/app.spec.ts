import { connect } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ERRORS } from '../../../src/errors/catalogue.js';
import { problemOf, serveThings, type ServedApp } from './support.js';

describe('the app', () => {
  let served: ServedApp | undefined;
  afterEach(async () => {
    await served?.app.close();
    served = undefined;
  });

  const serve = async () => (served = await serveThings());

  test('describes itself', async () => {
    const { url } = await serve();
    const document = (await (await fetch(`${url}/api/openapi.json`)).json()) as OpenAPIObject;
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Leasehold', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(document.components?.schemas?.Problem).toMatchObject({
      properties: { code: { enum: Object.keys(ERRORS) } },
    });
    const create = document.paths['/api/things']?.post;
    expect(create?.parameters).toContainEqual(expect.objectContaining({ in: 'header', name: 'Idempotency-Key' }));
    expect(create?.responses['201']).toMatchObject({ content: { 'application/json': { example: { name: 'first' } } } });
    expect(create?.responses['409']).toMatchObject({
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: {
            version_conflict: { value: { code: 'version_conflict', status: 409 } },
            environment_in_use: { value: { code: 'environment_in_use', status: 409 } },
          },
        },
      },
    });
    // Every route's own codes and those that any route may answer.
    expect(Object.keys(create?.responses ?? {})).toEqual(
      expect.arrayContaining(['400', '404', '413', '415', '500', '503', '507']),
    );
    const read = document.paths['/api/things/{id}']?.get;
    expect(read?.parameters).toContainEqual(
      expect.objectContaining({
        in: 'path',
        name: 'id',
        schema: expect.objectContaining({ type: 'string', format: 'uuid' }),
      }),
    );
    expect(Object.keys(read?.responses ?? {})).not.toContain('413');
  });

  test('has pages for people: the API, and the errors that problems point to', async () => {
    const { url } = await serve();
    for (const path of ['', '/', '/start.js', '/swagger-ui.css', '/swagger-ui-bundle.js', '/favicon-32x32.png']) {
      expect((await fetch(`${url}/api/docs${path}`)).status).toBe(200);
    }
    const { type } = await problemOf(await fetch(`${url}/api/nothing`));
    const page = await (await fetch(url + type)).text();
    expect(page).toContain(`id="${type.split('#')[1]}"`);
  });

  test('closes at once although connections are open, silent and idle ones', async () => {
    const { app, port, url } = await serve();
    const silent = connect(port, '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    expect((await fetch(`${url}/api/things`)).status).toBe(200);
    const started = performance.now();
    await app.close();
    expect(performance.now() - started).toBeLessThan(1_000);
    served = undefined;
    silent.destroy();
  });

  test('answers what is under way when it closes, and refuses what comes later with a problem', async () => {
    const { app, url } = await serve();
    const slow = fetch(`${url}/api/slow`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    app.getHttpAdapter().beforeClose?.();
    const refused = await fetch(`${url}/api/things`);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('connection')).toBe('close');
    await problemOf(refused, 'shutting_down');
    await app.close();
    served = undefined;
    expect(await (await slow).json()).toEqual({ slow: true });
  });
});
