// Preloaded into the job. The launcher holds the other end of the IPC channel for as long as it lives.
if (process.env['PLUMB_LAUNCHER'] === String(process.ppid) && process.channel) {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
