# Runs a server for as long as standard input stays open: `supervise_child.py PROGRAM ARGUMENTS...`
#
# The owner holds the other end of that pipe. Whatever ends the owner, a SIGKILL too, closes it, and the server
# goes within the same instant. Where the kernel can do so, it also takes the server along should this script go first.
import ctypes
import os
import signal
import subprocess
import sys
import threading

# Ctrl-C reaches the whole process group. The owner ends first and takes the server along.
signal.signal(signal.SIGINT, signal.SIG_IGN)


def die_with_parent():
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=2, preexec_fn=die_with_parent)


def outlive_nobody():
    while os.read(0, 4096):
        pass
    server.kill()
    server.wait()
    os._exit(0)


threading.Thread(target=outlive_nobody, daemon=True).start()
sys.exit(server.wait())
