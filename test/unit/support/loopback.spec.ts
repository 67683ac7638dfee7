/** This machine is recognised by its addresses and by the one name that is kept for it. */
import { isLoopbackHost } from "../../../src/support/loopback.js";

it.each(["localhost", "LocalHost", "localhost.", "db.localhost", "127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"])(
	"%s is this machine",
	(host) => {
		expect(isLoopbackHost(host)).toBe(true);
	},
);

it.each([
	"",
	"localhost.example.com",
	"xlocalhost",
	"0.0.0.0",
	"126.255.255.255",
	"128.0.0.1",
	"::",
	"::2",
	"127.1",
	"0x7f.0.0.1",
	"127.0.0.1.nip.io",
	"[::1]",
])("%j is not, or not certainly", (host) => {
	expect(isLoopbackHost(host)).toBe(false);
});
