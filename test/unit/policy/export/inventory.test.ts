// Inventories: lists, what kubectl prints, and everything that is neither.
import { describe, expect, test } from 'vitest';
import { SallyportError } from '../../../../core/errors.ts';
import { readInventory } from '../../../../policy/export/inventory.ts';

const read = (text: string) => readInventory({ file: 'inventory.yaml', text });

const POD = {
  kind: 'Pod',
  metadata: { namespace: 'shop', labels: { app: 'web' } },
  spec: { serviceAccountName: 'web' },
  status: { podIP: '10.0.0.7', podIPs: [{ ip: '10.0.0.7' }, { ip: '2001:DB8::7' }] },
};
const WEB = {
  namespace: 'shop',
  serviceAccount: 'web',
  labels: { app: 'web' },
  ips: ['10.0.0.7', '2001:db8::7'],
};

describe('read', () => {
  test.each([
    { name: 'nothing', text: '', found: [] },
    {
      name: 'a list',
      text: '- { namespace: shop, serviceAccount: web, labels: { app: web }, ips: [10.0.0.7, "2001:db8::7"] }',
      found: [WEB],
    },
    {
      name: 'a namespace alone',
      text: '[{"namespace":"shop"}]',
      found: [{ namespace: 'shop', serviceAccount: null, labels: {}, ips: [] }],
    },
    {
      name: 'pods as kubectl prints them',
      text: JSON.stringify({ kind: 'List', items: [POD] }),
      found: [WEB],
    },
    { name: 'one pod', text: JSON.stringify(POD), found: [WEB] },
    {
      name: 'manifests, without what runs nothing',
      text: `kind: Service
metadata: { namespace: shop }
---
kind: Deployment
metadata: { namespace: shop }
spec: { template: { metadata: { labels: { app: web } }, spec: {} } }
`,
      found: [{ namespace: 'shop', serviceAccount: 'default', labels: { app: 'web' }, ips: [] }],
    },
  ])('$name', ({ text, found }) => expect(read(text)).toEqual(found));
});

describe('refused', () => {
  test.each([
    { name: 'no namespace', text: '- { labels: { app: web } }', says: 'item 0 has no namespace' },
    { name: 'a namespace that is no text', text: '- { namespace: 7 }', says: 'has no namespace' },
    { name: 'a text', text: 'shop', says: 'has no namespace' },
    {
      name: 'an account that is no text',
      text: '- { namespace: shop, serviceAccount: [web] }',
      says: 'service account',
    },
    { name: 'labels that are no texts', text: '- { namespace: shop, labels: { app: 7 } }', says: 'labels' },
    { name: 'labels in a list', text: '- { namespace: shop, labels: [app] }', says: 'labels' },
    {
      name: 'an address that is none',
      text: '- { namespace: shop, ips: [10.0.0] }',
      says: 'no list of addresses',
    },
    { name: 'a block', text: '- { namespace: shop, ips: [10.0.0.0/8] }', says: 'no list of addresses' },
    {
      name: 'addresses that are no list',
      text: '- { namespace: shop, ips: 10.0.0.7 }',
      says: 'no list of addresses',
    },
    { name: 'broken YAML', text: '- {', says: 'not valid YAML' },
    { name: 'many faults, some of them', text: '- {}\n'.repeat(50), says: 'item 19 ' },
  ])('$name', ({ text, says }) => {
    try {
      read(text);
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      expect(error.code).toBe('ERR_INVENTORY');
      expect(error.diagnostics.map(({ message }) => message).join('\n')).toContain(says);
      expect(error.diagnostics.length).toBeLessThanOrEqual(20);
      return;
    }
    throw new Error('it was read');
  });
});
