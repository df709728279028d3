# Runs the moto server for as long as standard input stays open.
#
# The owner holds the other end of that pipe. Whatever ends the owner, a SIGKILL too, closes it,
# and the server goes within the same instant: no test run leaves one behind.
import os
import signal
import sys
import threading

# Ctrl-C reaches the whole process group. The owner ends first and takes this server along, so
# that tests which are winding down still have one.
signal.signal(signal.SIGINT, signal.SIG_IGN)

# The first line of standard output is the port. Whatever moto prints goes to the log.
announce = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def outlive_nobody():
    while os.read(0, 4096):
        pass
    os._exit(0)


threading.Thread(target=outlive_nobody, daemon=True).start()

from werkzeug.serving import make_server

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

application = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def serve(environ, start_response):
    # moto walks its tables without a lock: a call beside one that creates something is sometimes
    # answered with 500, "dictionary changed size during iteration".
    with one_at_a_time:
        return application(environ, start_response)


server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=MotoRequestHandler)
# Tests come by the hundred at once; werkzeug's own queue of 128 would make some wait a second.
server.socket.listen(1024)
os.environ["MOTO_PORT"] = str(server.server_port)

# moto loads a service at its first request, which takes up to a second: too long for a test that
# has set a short timeout.
for service in ("iam", "secretsmanager", "ssm", "sts"):
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x"
    application.get_application({"PATH_INFO": "/", "HTTP_AUTHORIZATION": authorization})

print(server.server_port, file=announce, flush=True)
server.serve_forever()
