/** Runs in every spec file, after the test framework is installed. */
import { beginTest, endFile, endTest } from "./endings.js";

beforeEach(beginTest);

afterEach(endTest);

afterAll(endFile);
