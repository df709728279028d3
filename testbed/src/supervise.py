# Runs the moto server until standard input is closed.
#
# The owner holds the other end of that pipe. When the owner dies, even by SIGKILL, the pipe closes
# and the server exits at once, so that no test run leaves one behind.
import os
import signal
import sys
import threading

# Ctrl-C reaches the whole process group. Ignoring it keeps the server alive until the owner has
# exited, for tests that are still finishing.
signal.signal(signal.SIGINT, signal.SIG_IGN)

# Standard output gets one line, the port. What moto prints goes to the log.
announce = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def exit_with_owner():
    while os.read(0, 4096):
        pass
    os._exit(0)


threading.Thread(target=exit_with_owner, daemon=True).start()

from werkzeug.serving import make_server

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

application = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def serve(environ, start_response):
    # moto iterates over its tables without a lock. A parallel call that creates something can make
    # it respond with 500, "dictionary changed size during iteration".
    with one_at_a_time:
        return application(environ, start_response)


server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=MotoRequestHandler)
# Hundreds of tests connect at once. With werkzeug's queue of 128, some would wait for a second.
server.socket.listen(1024)
os.environ["MOTO_PORT"] = str(server.server_port)

# moto loads a service at its first request, which takes up to a second. Loading them now keeps tests
# with short timeouts reliable.
for service in ("iam", "secretsmanager", "ssm", "sts"):
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x"
    application.get_application({"PATH_INFO": "/", "HTTP_AUTHORIZATION": authorization})

print(server.server_port, file=announce, flush=True)
server.serve_forever()
