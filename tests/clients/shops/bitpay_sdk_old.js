'use strict';
// npm bitpay-sdk 1 to 4. The constructor asks for the currencies; if that fails, Node ends the process.
const fs = require('fs');
const { job, live } = require('./shop.js');

const { Client, KeyUtils, Models } = require(job.module);
const client = new Client(job.config || foreign());

function foreign() {
  const key = new KeyUtils().generate_keypair();
  const one = { PrivateKeyPath: '', PrivateKey: key, ApiTokens: { merchant: job.token } };
  fs.writeFileSync('adopted.json', JSON.stringify({ BitPayConfiguration: { Environment: job.environment, EnvConfig: { [job.environment]: one } } }));
  return 'adopted.json';
}

async function create(order) {
  const invoice = new Models.Invoice(order.price, order.currency);
  Object.assign(invoice, order.texts, order.settings);
  invoice.buyer = { ...order.buyer }; // its Buyer is not exported, and only names the members
  const made = await client.CreateInvoice(invoice);
  return { guid: invoice.guid, settings: order.settings, invoice: made };
}

live({
  create,
  read: (id) => client.GetInvoice(id),
  list: () => client.GetInvoices(...job.days),
  'list-none': () => client.GetInvoices(...job.no_days),
  rates: () => client.GetRates(),
  'rates-late': () => client.GetRates('BTC'),
  currencies: () => client.GetCurrencyInfo('USD'),
  refused: {
    unknown: () => client.GetInvoice(job.unknown),
    refund: (invoice) => (client.PayInvoice ? client.CreateRefund(invoice, 1, 'USD') : client.CreateRefund(invoice, 'ada@example.com', 1, 'USD')),
    bill: () => client.CreateBill(new Models.Bill('7', 'USD', 'ada@example.com', [])),
    ledger: () => client.GetLedgers(),
    ...(client.PayInvoice && { pay: (invoice) => client.PayInvoice(invoice.id) }),
  },
});
