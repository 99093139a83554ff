'use strict';
/* judge.js FILE...: an independent reading of mails, one JSON document a line.
 *
 * Two readers that know nothing of the writer: the rules of the wire (RFC 5321, 5322, 2045, 2047) on the bytes, and mailparser for
 * what a person will see. A broken rule is a line in `faults` and exit status 1. */
const fs = require('fs');
const { simpleParser } = require('mailparser');

const ONCE = ['date', 'from', 'to', 'subject', 'message-id', 'mime-version', 'content-type', 'content-transfer-encoding', 'auto-submitted'];
const NEVER = /^(bcc|sender|x-.*|user-agent|precedence|list-.*|return-receipt-to|disposition-notification-to|received)$/;
const LINE_HARD_MAX = 998;
const HEADER_LINE_MAX = 78;
const ENCODED_LINE_MAX = 76;
const ENCODED_WORD_MAX = 75;

/* Octets that may not be there at all, and line ends that are none. */
function judgeOctets(bytes, faults) {
    for (let i = 0; i < bytes.length; i++) {
        const octet = bytes[i];
        if (octet === 10 && bytes[i - 1] !== 13) faults.push(`bare LF at octet ${i}`);
        else if (octet === 13 && bytes[i + 1] !== 10) faults.push(`bare CR at octet ${i}`);
        else if (octet > 126) faults.push(`octet ${i} is ${octet}: not 7-bit`);
        else if (octet < 32 && ![9, 10, 13].includes(octet)) faults.push(`control character ${octet} at octet ${i}`);
    }
    if (!bytes.subarray(-2).equals(Buffer.from('\r\n'))) faults.push('does not end with CRLF');
}

/* [[name, unfolded value]] in order. */
function readHeaders(lines, faults) {
    const headers = [];
    for (const line of lines) {
        if (/^[ \t]/.test(line)) {
            if (headers.length === 0 || line.trim() === '') faults.push('a folded line that continues nothing or is empty');
            else headers[headers.length - 1][1] += line;
            continue;
        }
        const colon = line.indexOf(':');
        if (colon < 1 || !/^[!-9;-~]+$/.test(line.slice(0, colon))) faults.push('a header line without a name');
        else headers.push([line.slice(0, colon).toLowerCase(), line.slice(colon + 1)]);
    }
    return headers;
}

function judgeHeaderNames(headers, faults) {
    const counts = new Map();
    for (const [name] of headers) counts.set(name, (counts.get(name) || 0) + 1);
    for (const name of ONCE) if (!counts.has(name)) faults.push(`header ${name} is missing`);
    for (const [name, count] of counts) {
        if (count > 1) faults.push(`header ${name} occurs ${count} times`);
        if (NEVER.test(name)) faults.push(`header ${name} has no business here`);
    }
}

/* A line may be longer only when it is one word that cannot be folded. */
function judgeHeaderLines(lines, faults) {
    lines.forEach((line, i) => {
        const foldable = /\S[ \t]+\S/.test(line.replace(/^[!-9;-~]+:[ \t]*/, ''));
        if (line.length > HEADER_LINE_MAX && foldable) faults.push(`header line ${i + 1} has ${line.length} octets`);
        if (/[ \t]$/.test(line)) faults.push(`header line ${i + 1} ends with a blank`);
    });
}

function decodeWord(encoding, text) {
    if (encoding.toUpperCase() === 'B') return Buffer.from(text, 'base64');
    const latin = text.replace(/_/g, ' ').replace(/=([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return Buffer.from(latin, 'latin1');
}

function judgeEncodedWords(headers, faults) {
    for (const [name, value] of headers) {
        for (const [word, charset, encoding, text] of value.matchAll(/=\?([^?\s]+)\?([^?\s]+)\?([^?\s]*)\?=/g)) {
            if (word.length > ENCODED_WORD_MAX) faults.push(`${name}: an encoded word of ${word.length} octets`);
            if (charset.toLowerCase() !== 'utf-8' || !/^[bq]$/i.test(encoding)) faults.push(`${name}: an encoded word in ${charset} ${encoding}`);
            try {
                new TextDecoder('utf-8', { fatal: true }).decode(decodeWord(encoding, text));
            } catch {
                faults.push(`${name}: an encoded word that splits a character`);
            }
        }
        const bare = value.replace(/=\?[^?\s]+\?[^?\s]+\?[^?\s]*\?=/g, '');
        if (bare.includes('=?')) faults.push(`${name}: an encoded word that is not whole`);
        if (/"[^"]*=\?[^"]*"/.test(value)) faults.push(`${name}: an encoded word inside quotes`);
        if (/\?=[^\s),]|[^\s(]=\?/.test(value.replace(/\?=(\s+)=\?/g, '$1'))) faults.push(`${name}: an encoded word that touches its neighbour`);
    }
}

function judgeQuotedPrintable(lines, faults) {
    lines.forEach((line, i) => {
        if (line.length > ENCODED_LINE_MAX) faults.push(`body line ${i + 1} has ${line.length} octets`);
        if (/[ \t]$/.test(line)) faults.push(`body line ${i + 1} ends with a blank`);
        if (/=(?![0-9A-F]{2}|$)/.test(line)) faults.push(`body line ${i + 1} has an escape that is none`);
    });
}

function judgeLines(bytes, faults) {
    const text = bytes.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) {
        faults.push('no empty line after the headers');
        return;
    }
    const head = text.slice(0, end).split('\r\n');
    const body = text.slice(end + 4).split('\r\n');
    const headers = readHeaders(head, faults);
    [...head, ...body].forEach((line, i) => {
        if (line.length > LINE_HARD_MAX) faults.push(`line ${i + 1} has ${line.length} octets`);
    });
    judgeHeaderNames(headers, faults);
    judgeHeaderLines(head, faults);
    judgeEncodedWords(headers, faults);
    const encoding = headers.find(([name]) => name === 'content-transfer-encoding');
    if (encoding && encoding[1].trim().toLowerCase() === 'quoted-printable') judgeQuotedPrintable(body, faults);
}

const mailboxes = (field) => (field ? field.value.map(({ name, address }) => ({ name, address })) : []);

async function judge(file) {
    const bytes = fs.readFileSync(file);
    const faults = [];
    judgeOctets(bytes, faults);
    judgeLines(bytes, faults);
    const mail = await simpleParser(bytes, { skipTextToHtml: true, skipHtmlToText: true });
    const part = mail.headers.get('content-type');
    return {
        file, faults: faults.slice(0, 20), message_id: mail.messageId, date: mail.date && mail.date.toISOString(), from: mailboxes(mail.from), to: mailboxes(mail.to),
        reply_to: mailboxes(mail.replyTo), cc: mailboxes(mail.cc), subject: mail.subject, in_reply_to: mail.inReplyTo || '',
        references: mail.references || '', auto_submitted: mail.headers.get('auto-submitted') || '', content_type: part && part.value,
        charset: part && part.params.charset, text: mail.text, html: mail.html || '', attachments: mail.attachments.length,
    };
}

(async () => {
    let status = 0;
    for (const file of process.argv.slice(2)) {
        const reading = await judge(file);
        if (reading.faults.length > 0) status = 1;
        console.log(JSON.stringify(reading));
    }
    process.exitCode = status;
})();
