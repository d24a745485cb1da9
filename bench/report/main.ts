// Makes the report and the figures in the documents from a file of results: `node bench/report/main.ts`.
import { reportCommand } from './command.ts';

process.exitCode = reportCommand(process.argv.slice(2), console);
