/** Which addresses never leave this machine. */
import { BlockList, isIP } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/**
 * Whether a host name or an IP address means this machine. Names are not looked up, so only `localhost` and names below
 * it do.
 */
export function isLoopbackHost(host: string): boolean {
	const family = isIP(host);
	if (family !== 0) return LOOPBACK.check(host, family === 4 ? "ipv4" : "ipv6");
	const name = host.toLowerCase();
	return ["localhost", "localhost."].some((local) => name === local || name.endsWith(`.${local}`));
}
