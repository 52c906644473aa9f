/** Stands for a process that draws, and ends in the second draw. */
process.on('message', (number: number) => {
  if (number === 2) process.stderr.write('out of luck', () => process.exit(7));
  else process.send?.({ what: 'nothing', counts: { draws: 1 }, problems: [] });
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
