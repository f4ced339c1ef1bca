// The pages as they are in the tree now, not as they were built some time ago.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

export default function setup(): void {
  const ui = join(import.meta.dirname, "../../../ui");
  execFileSync("npm", ["run", "--silent", "build"], { cwd: ui, stdio: ["ignore", "ignore", "inherit"] });
}
