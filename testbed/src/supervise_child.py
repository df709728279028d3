# Runs a server until standard input is closed: `supervise_child.py PROGRAM ARGUMENTS...`
#
# The owner holds the other end of that pipe. When the owner dies, even by SIGKILL, the pipe closes and this script
# kills the server at once. On Linux, the kernel kills the server if this script dies first.
import ctypes
import os
import signal
import subprocess
import sys
import threading

# Ctrl-C reaches the whole process group. Ignoring it keeps the server alive until the owner has exited.
signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with_parent():
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=2, preexec_fn=die_with_parent)


def exit_with_owner():
    while os.read(0, 4096):
        pass
    server.kill()
    server.wait()
    os._exit(0)


threading.Thread(target=exit_with_owner, daemon=True).start()
sys.exit(server.wait())
