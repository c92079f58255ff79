/**
 * What is understood of process-compose's files. Everything else is refused by its name and line.
 *
 * **Details**
 *
 * Of the whole: `version`, `is_strict`, `disable_env_expansion`, `environment`, `env_file`, `log_location`, `processes`,
 * and keys that begin with `x-`. Of a process: `command`, `description`, `disabled`, `environment` (a list or a map),
 * `env_file`, `is_dotenv_disabled`, `working_dir`, `depends_on`, `readiness_probe`, `liveness_probe`, `ready_log_line`,
 * `availability` (`restart`, `backoff_seconds`, `max_restarts`), `shutdown` (`command`, `timeout_seconds`, `signal`),
 * `namespace`, `replicas`, `log_location`. Of a probe: `exec` (`command`, `working_dir`), `http_get` (`host`, `scheme`,
 * `path`, `port`, `num_port`, `status_code`), `initial_delay_seconds`, `period_seconds`, `timeout_seconds`,
 * `failure_threshold`, and `success_threshold` if it is 1.
 *
 * **Gotchas**
 *
 * - What is not known is always refused, whatever `is_strict` says.
 * - Variables in commands are left to the shell, at run time; elsewhere they are expanded when the file is read, also
 *   `$PC_REPLICA_NUM`. `$$` is a dollar.
 * - A value of `.env` that is put into an address or a path is shown with that; one with the name of a secret is refused
 *   there.
 * - Replicas are named from 1 on; `PC_REPLICA_NUM` counts from 0, as there.
 * - A process that is not stopped in time is killed after 5 seconds if no `timeout_seconds` says otherwise; there, never.
 *   A signal always reaches the whole process group.
 * - A process whose readiness probe fails `failure_threshold` times in a row at its start has failed. Once it is ready,
 *   only the liveness probe ends it. `initial_delay_seconds` of a readiness probe gives more time and delays nothing.
 * - A process whose dependency failed gives up with `DependencyFailed`, where process-compose says `Skipped`.
 * - The file of `log_location` has lines of text that begin with the process' name, and does not rotate; what is kept
 *   for the `logs` command does.
 *
 * @see https://f1bonacc1.github.io/process-compose/configuration/
 * @since 0.1.0
 */
import type { Condition } from "./ConfigSpec.ts"
import * as compose from "./internal/composeSchema.ts"

/**
 * process-compose's names of the conditions, and what they are here.
 *
 * @category constants
 * @since 0.1.0
 */
export const conditions: Readonly<Record<string, Condition>> = compose.conditions

/**
 * Keys of process-compose that are refused, and what to do instead.
 *
 * @category constants
 * @since 0.1.0
 */
export const unsupported: Readonly<Record<string, string>> = compose.unsupported
