// What to try while the demo runs. Each line may be pasted into another terminal as it is.

export function playOnLines(options: {
  readonly checkoutDir: string;
  readonly dir: string;
}): readonly string[] {
  const { checkoutDir, dir } = options;
  return [
    '',
    'It runs on. In another terminal:',
    '',
    `  cd ${quoted(checkoutDir)}`,
    `  export XDG_CONFIG_HOME=${quoted(`${dir}/config`)}`,
    '  ./moult agents list',
    '  ./moult history web-1',
    '  ./moult why',
    '  ./moult agents upgrade web-1 --to 1.0.0 --wait',
    "  ./moult rollouts create 'agent=*' --to 1.0.0 --name back --start",
    '  ./moult rollouts watch back',
    '  ./moult agents desired --fleet --to 1.1.0',
    `  ./moult agent status --root ${quoted(`${dir}/agents/web-2`)}`,
    `  kill -9 $(sed 's/[^0-9]*\\([0-9]*\\).*/\\1/' ${quoted(`${dir}/agents/web-2/var/lib/moult/holder.json`)})`,
    '',
    `Logs: ${dir}/logs. Ctrl-C ends everything and removes ${dir}.`,
  ];
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
