'use strict';
// What every script shares: the order of the story, and how codes that a shop asked for are approved.
const { spawnSync } = require('child_process');

const job = JSON.parse(process.argv[2]);

// Texts that BTCPay rewrites: an ISO date, posData with 1.50 and a date, and letters beyond ASCII.
const order = () => ({
  price: 12.5,
  currency: 'EUR',
  orderId: '2026-01-02T03:04:05Z',
  posData: '{"b": 1.50, "a": "2026-01-02T03:04:05Z"}',
  itemDesc: 'Café ☕ 2026-01-02T03:04:05Z',
  redirectURL: 'https://shop.example/thanks?a=1&b=2',
});
const buyer = { name: 'Zoë Ünal', email: 'zoe@example.com', locality: 'Zürich', country: 'CH' };

function approve(code) {
  const [program, ...args] = job.approve;
  const done = spawnSync(program, args.map((arg) => (arg === 'CODE' ? code : arg)), { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`pairing approve: ${done.stderr}`);
}

const result = { steps: {} };
async function step(name, work) {
  try {
    result.steps[name] = { ok: true, value: await work() };
  } catch (error) {
    result.steps[name] = { ok: false, error: String(error && error.message ? error.message : JSON.stringify(error)).slice(0, 500) };
    process.stdout.write(JSON.stringify(result));
    process.exit(0);
  }
  return result.steps[name].value;
}
function done() {
  process.stdout.write(JSON.stringify(result));
  process.exit(0);
}

module.exports = { job, order, buyer, approve, step, done };
