// What npm bitpay-sdk's own webhook schema refuses of notifications: bodies on standard input, one a line;
// refused members on standard output, one a line as `member: what is wrong`.
const path = require('path');
const schema = require(path.join(process.argv[2], 'bitpay-sdk/dist/Model/Webhook/InvoiceWebhook.zod.js')).invoiceWebhookSchema;
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(line => line);
for (const line of lines) {
    const body = JSON.parse(line);
    const read = schema.safeParse(body.data || body);
    for (const issue of read.success ? [] : read.error.issues) console.log(`${issue.path.join('.')}: ${issue.message}`);
}
