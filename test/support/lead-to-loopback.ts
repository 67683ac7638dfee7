/** A host name of elsewhere leads to this machine, in this process alone: the only way to a name of AWS that touches neither the machine nor AWS. */
import dns from "node:dns";

type Lookup = (name: string, options: dns.LookupOptions, done: (error: Error | null, ...answer: unknown[]) => void) => void;

/** Says so on the standard output, since what runs afterwards is not quite what runs elsewhere. Returns the way back. */
export function leadToLoopback(host: string): () => void {
	process.stdout.write(`dns.lookup() of this process says 127.0.0.1 for ${host}, so that a server here can stand for one of AWS.\n`);
	const own = dns.lookup as Lookup;
	const lookup: Lookup = (name, options, done) => {
		if (name !== host) {
			own(name, options, done);
			return;
		}
		const answer = options.all === true ? [[{ address: "127.0.0.1", family: 4 }]] : ["127.0.0.1", 4];
		process.nextTick(() => done(null, ...answer));
	};
	(dns as { lookup: unknown }).lookup = lookup;
	return () => {
		(dns as { lookup: unknown }).lookup = own;
	};
}
