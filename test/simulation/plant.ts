// Loaded before everything else (`node --import`): plants the defect that PLANT names into its source file.

import { registerHooks } from 'node:module';
import { env } from 'node:process';
import { PLANTED } from './planted.ts';

const planted = PLANTED.find(({ name }) => name === env['PLANT']);
if (planted === undefined) throw new Error(`nothing to plant is called ${env['PLANT']}`);
const { file, from, to } = planted;

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/packages/${file}`)) return loaded;
    const text = Buffer.from(loaded.source as Uint8Array).toString();
    const times = text.split(from).length - 1;
    if (times !== 1) throw new Error(`${file} has the text to replace ${times} times, not once`);
    return { ...loaded, source: text.replace(from, () => to) };
  },
});
