/**
 * Names of services that are needed below the floor where they are defined: service keys are equal when their names are.
 *
 * Floor 0.
 */

export const supervisorKey = "effect-supervisor/Supervisor"
