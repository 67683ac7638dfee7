/** Prints the import rule between rooms as a table and as a mermaid graph, both made from rooms.js. */
import rooms from "../rooms.js";

const rows = Object.entries(rooms.ROOMS);

console.log("| room | may import | guarded packages it may load |");
console.log("|---|---|---|");
for (const [room, { mayImport, mayLoad }] of rows) {
	console.log(`| ${room} | ${mayImport.join(", ") || "–"} | ${mayLoad.join(", ") || "–"} |`);
}

console.log("\n```mermaid\nflowchart TD");
for (const [room, { mayImport }] of rows) {
	for (const name of directImports(mayImport)) console.log(`\t${room} --> ${name}`);
}
console.log("```");

/** Leaves out what is reachable through another allowed room, so that the graph shows the shape and not every right. */
function directImports(mayImport) {
	const reachable = new Set(mayImport.flatMap((name) => [...reachableFrom(name)]));
	return mayImport.filter((name) => !reachable.has(name));
}

function reachableFrom(room, seen = new Set()) {
	for (const name of rooms.ROOMS[room].mayImport) {
		if (seen.has(name)) continue;
		seen.add(name);
		reachableFrom(name, seen);
	}
	return seen;
}
