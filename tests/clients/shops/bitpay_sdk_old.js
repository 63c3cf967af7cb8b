'use strict';
// npm bitpay-sdk 1 to 4. The constructor asks for the currencies; if that fails, Node ends the process.
const { job, live, foreign } = require('./shop.js');

const { Client, KeyUtils, Models } = require(job.module);
const client = new Client(job.config || foreign(new KeyUtils().generate_keypair()));
const first = job.module === 'bitpay-sdk-1';

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
  resend: (invoice) => client.GetInvoiceWebHook(invoice.id),
  refused: {
    unknown: () => client.GetInvoice(job.unknown),
    refund: (invoice) => client.CreateRefund(invoice, ...(first ? ['ada@example.com'] : []), 1, 'USD'),
    bill: () => client.CreateBill(new Models.Bill('7', 'USD', 'ada@example.com', [])),
    ledger: () => client.GetLedgers(),
    ...(!first && { pay: (invoice) => client.PayInvoice(invoice.id) }),
  },
});
