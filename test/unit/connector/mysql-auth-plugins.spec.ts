/** What mysql2 answers to each way in which a server asks for the password; the hashes are those of mysql2 itself. */
import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";

import mysql from "mysql2";

import { createPasswordPlugins, type MysqlAuthPlugins } from "../../../src/connector/mysql-auth-plugins.js";

const SCRAMBLE = Buffer.from("abcdefghijklmnopqrst\0");
const PASSWORD = "pä$$word that is longer than the scramble of a server";
const HOST = "db.example.com";
const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const KEY = Buffer.from(keys.publicKey.export({ format: "pem", type: "spki" }));

type Config = Parameters<MysqlAuthPlugins[string]>[0]["connection"]["config"];

async function converse(name: string, config: Config, ...packets: Buffer[]): Promise<(Buffer | null)[]> {
	const plugin = createPasswordPlugins()[name];
	const answer = plugin?.({ connection: { config: { host: HOST, password: PASSWORD, ...config } } });
	const answers: (Buffer | null)[] = [];
	for (const packet of packets) answers.push((await answer?.(packet)) ?? null);
	return answers;
}

function decrypt(answer: Buffer | null | undefined): string {
	const text = privateDecrypt({ key: keys.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, answer ?? Buffer.alloc(0));
	return Buffer.from(text.map((byte, index) => byte ^ (SCRAMBLE[index % 20] ?? 0))).toString();
}

describe("caching_sha2_password", () => {
	it("proves the password by the hash that mysql2 makes, over any connection", async () => {
		const theirs = mysql.authPlugins.caching_sha2_password()({ connection: { config: { password: PASSWORD } } } as never) as (
			packet: Buffer,
		) => Buffer;

		const answers = await converse("caching_sha2_password", {}, SCRAMBLE, Buffer.from([3]));

		expect(answers).toEqual([theirs(SCRAMBLE), null]);
	});

	it("has nothing to prove without a password", async () => {
		await expect(converse("caching_sha2_password", { password: "" }, SCRAMBLE)).resolves.toEqual([Buffer.alloc(0)]);
	});

	it.each<[string, Config]>([
		["TLS", { ssl: {} }],
		["a socket", { socketPath: "/tmp/mysql.sock" }],
	])("gives the password over %s", async (_, config) => {
		const [, answer] = await converse("caching_sha2_password", config, SCRAMBLE, Buffer.from([4]));

		expect(answer?.toString()).toBe(`${PASSWORD}\0`);
	});

	it("gives it encrypted with the server's key on this machine", async () => {
		const [, request, answer] = await converse("caching_sha2_password", { host: "127.0.0.1" }, SCRAMBLE, Buffer.from([4]), KEY);

		expect(request).toEqual(Buffer.from([2]));
		expect(decrypt(answer)).toBe(`${PASSWORD}\0`);
	});

	it("gives it to no other server", async () => {
		await expect(converse("caching_sha2_password", { ssl: false }, SCRAMBLE, Buffer.from([4]))).rejects.toMatchObject({
			cause: { code: "ERR_CONNECTOR_OPTION_INVALID", option: "tls" },
			message: expect.stringContaining("isPlaintextAllowed"),
		});
	});
});

describe("sha256_password", () => {
	it("gives the password over TLS, and encrypted on this machine", async () => {
		const [plain] = await converse("sha256_password", { ssl: {} }, SCRAMBLE);
		const [request, answer] = await converse("sha256_password", { host: "::1" }, SCRAMBLE, KEY);

		expect(plain?.toString()).toBe(`${PASSWORD}\0`);
		expect(request).toEqual(Buffer.from([1]));
		expect(decrypt(answer)).toBe(`${PASSWORD}\0`);
	});

	it("gives it to no other server", async () => {
		await expect(converse("sha256_password", {}, SCRAMBLE)).rejects.toThrow('Option "tls" has to be on');
	});
});

describe("mysql_clear_password", () => {
	it.each<[string, Config]>([
		["a version of mysql2 that needs no permission", { ssl: {} }],
		["mysql2's own permission", { enableCleartextPlugin: true, ssl: {} }],
		["mysql2's own permission on this machine", { enableCleartextPlugin: true, host: "localhost" }],
	])("gives the password with %s", async (_, config) => {
		const [answer] = await converse("mysql_clear_password", config, Buffer.alloc(0));

		expect(answer?.toString()).toBe(`${PASSWORD}\0`);
	});

	it("gives it to no server without TLS, whatever mysql2 permits, and over TLS only as mysql2 does", async () => {
		await expect(converse("mysql_clear_password", { enableCleartextPlugin: true }, Buffer.alloc(0))).rejects.toThrow("has to be on");
		await expect(converse("mysql_clear_password", { enableCleartextPlugin: false, ssl: {} }, Buffer.alloc(0))).rejects.toThrow(
			'"typeOrmOptions.extra.enableCleartextPlugin" has to be true',
		);
	});
});
