// Seals a password, or both of a change, for the agents of a directory, byte for byte as crates/protocol/src/sealed.rs
// opens it. Portal only: the app seals in Rust. A browser cannot wipe a string, so the clear
// text lives until the page lets go of it; nothing here keeps it.

import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";

import type { components } from "./generated/api";

type Schemas = components["schemas"];
type Binding = Schemas["Binding"];
type RecipientList = Schemas["RecipientList"];
type SealedPassword = Schemas["SealedPassword"];

const VERSION = 1;
const INFO = new TextEncoder().encode("regain sealed password 1");
/** The same for a change, so that neither is ever opened as the other. */
const CHANGE_INFO = new TextEncoder().encode("regain sealed change 1");
/** Every plaintext has this size behind two bytes of length, because HPKE hides no lengths. */
const PADDED = 1024;
const FRAMED = 2 + PADDED;
const MAX_RECIPIENTS = 16;

type Info = typeof INFO;

export function seal(
  password: string,
  binding: Binding,
  recipients: RecipientList,
): Promise<SealedPassword> {
  return sealBytes(framed([password]), INFO, binding, recipients);
}

/** Seals the present and the new password of a change together. */
export function sealChange(
  present: string,
  password: string,
  binding: Binding,
  recipients: RecipientList,
): Promise<SealedPassword> {
  return sealBytes(framed([present, password]), CHANGE_INFO, binding, recipients);
}

async function sealBytes(
  plain: Uint8Array<ArrayBuffer>,
  info: Info,
  binding: Binding,
  recipients: RecipientList,
): Promise<SealedPassword> {
  if (recipients.keys.length === 0 || recipients.keys.length > MAX_RECIPIENTS) {
    throw new Error("the list of recipients is unusable");
  }
  const bound = boundBytes(binding, recipients.epoch);
  const contentKey = crypto.getRandomValues(new Uint8Array(32));
  try {
    const cipher = await crypto.subtle.importKey("raw", contentKey, "AES-GCM", false, ["encrypt"]);
    const ciphertext = await crypto.subtle.encrypt(
      // Nonce zero: the key is used once.
      { name: "AES-GCM", iv: new Uint8Array(12), additionalData: bound },
      cipher,
      plain,
    );
    const keys = await Promise.all(recipients.keys.map((key) => wrap(key, info, contentKey, bound)));
    return { version: VERSION, epoch: recipients.epoch, ciphertext: base64url(ciphertext), keys };
  } finally {
    contentKey.fill(0);
    plain.fill(0);
  }
}

async function wrap(
  recipient: Schemas["RecipientKey"],
  info: Info,
  contentKey: Uint8Array<ArrayBuffer>,
  bound: Uint8Array<ArrayBuffer>,
): Promise<Schemas["WrappedKey"]> {
  const suite = new CipherSuite({
    kem: new DhkemP256HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  const publicKey = await suite.kem.deserializePublicKey(fromBase64url(recipient.public));
  const { enc, ct } = await suite.seal(
    { recipientPublicKey: publicKey, info },
    contentKey,
    bound,
  );
  return { key: recipient.id, enc: base64url(enc), wrapped: base64url(ct) };
}

function framed(passwords: string[]): Uint8Array<ArrayBuffer> {
  const plain = new Uint8Array(passwords.length * FRAMED);
  passwords.forEach((password, index) => {
    const text = new TextEncoder().encode(password);
    if (text.length === 0 || text.length > PADDED) throw new Error("this can be no password");
    new DataView(plain.buffer).setUint16(index * FRAMED, text.length);
    plain.set(text, index * FRAMED + 2);
    text.fill(0);
  });
  return plain;
}

/** `Binding::bytes`: what the seal is good for; any difference and it does not open. */
function boundBytes(binding: Binding, epoch: number): Uint8Array<ArrayBuffer> {
  const account = new TextEncoder().encode(binding.account);
  const bytes = new Uint8Array(46 + account.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, VERSION);
  bytes.set(uuidBytes(binding.tenant), 2);
  bytes.set(uuidBytes(binding.operation), 18);
  view.setBigInt64(34, BigInt(binding.expires_at));
  view.setUint32(42, epoch);
  bytes.set(account, 46);
  return bytes;
}

function uuidBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw new Error("not an id");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const binary = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
