'use strict';
// What the JavaScript shops share: their job, their orders, and the record of what the library held.
const job = JSON.parse(process.argv[2]);
const report = { steps: [] };

function tell() {
  process.stdout.write(JSON.stringify(report), () => process.exit(0));
}

// Notes what `work` gave, or the error as the library threw it. Gives undefined after an error.
async function step(order, name, work) {
  try {
    const value = await work();
    report.steps.push({ order, step: name, ok: true, value });
    return value;
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error);
    report.steps.push({ order, step: name, ok: false, error: String(text).slice(0, 500) });
    return undefined;
  }
}

// Creates and reads each order. `create` and `read` are the library's calls; `create` gives
// { guid, invoice }, where guid is what the library sent, if it sent one.
async function buy(create, read) {
  for (const order of job.orders) {
    let guid;
    const made = await step(order.name, 'create', async () => {
      const answer = await create(order);
      guid = answer.guid;
      return answer.invoice;
    });
    report.steps[report.steps.length - 1].guid = guid;
    if (made) await step(order.name, 'read', () => read(made.id));
  }
  tell();
}

module.exports = { job, step, tell, buy };
