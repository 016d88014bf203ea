export const TASK_ERRORS = {
  'task-not-listed': {
    text: 'The host has no task of that name in its tasks.yaml.',
    status: 'not-found',
    retryable: false,
    remedy:
      'See what the host offers: `moult tasks list --agent AGENT`; its owner adds tasks in tasks.yaml.',
  },
  'tasks-waiting': {
    text: 'As many tasks as may be wait for the agent, or run on it, already.',
    status: 'resource-exhausted',
    retryable: true,
    remedy:
      'See them: `moult tasks runs --agent AGENT --state open`; wait for them, or take some back with `moult commands revoke ID`.',
  },
  'task-parameters-invalid': {
    text: 'A parameter of the task is missing, unknown, given twice, or not of its kind; the message says which.',
    status: 'invalid-argument',
    retryable: false,
    remedy:
      'See the task: `moult tasks list --agent AGENT`, and give its parameters with --param NAME=VALUE.',
  },
  'task-not-started': {
    text: 'The program of the task could not be started.',
    status: 'failed-precondition',
    retryable: false,
    remedy:
      'Check on the host that the program is there and that the user of the agent may run it.',
  },
  'task-exited': {
    text: 'The program of the task ended with another exit code than 0.',
    status: 'unknown',
    retryable: false,
    remedy: 'See what it wrote: `moult output AGENT --run RUN`.',
  },
  'task-killed': {
    text: 'The program of the task was ended by a signal that did not come from its agent.',
    status: 'unknown',
    retryable: false,
    remedy:
      'See what it wrote: `moult output AGENT --run RUN`; want of memory on the host is the usual cause.',
  },
  'task-timed-out': {
    text: 'The task ran longer than its time limit, and was ended.',
    status: 'deadline-exceeded',
    retryable: false,
    remedy: 'Raise its time-limit in the tasks.yaml of the host, or see why it takes so long.',
  },
  'task-cancelled': {
    text: 'Somebody cancelled the task while it ran.',
    status: 'cancelled',
    retryable: false,
    remedy: 'Order it again: `moult tasks run AGENT TASK`.',
  },
  'task-cut-short': {
    text: 'The task was ended because its agent could not wait for it any longer: it was stopped, or its drain limit passed.',
    status: 'aborted',
    retryable: true,
    remedy:
      'Order it again: `moult tasks run AGENT TASK`; the agent configuration may set a longer drain limit.',
  },
  'outcome-unknown': {
    text: 'The agent ended while the task ran, so that nobody knows how far it came.',
    status: 'unknown',
    retryable: false,
    remedy:
      'See on the host what it did, and order it again; a task that may be repeated is declared idempotent.',
  },
  'tasks-file-invalid': {
    text: 'The tasks.yaml of the host cannot be used; the tasks that it said before stand.',
    status: 'invalid-argument',
    retryable: false,
    remedy: 'Correct it on the host: the message names each mistake. It is read again by itself.',
  },
} as const;
