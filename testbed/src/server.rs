//! The HTTP server that the testbed's fake servers and proxies are built on.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use crate::http::{Request, Response, parse_request};

/// A server on a free loopback port. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    accepting: AbortHandle,
}

impl Server {
    /// Starts a server that calls `serve` for each connection, as tasks of the current runtime.
    pub(crate) async fn start<F>(serve: impl Fn(Connection) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let listener = listener.expect("the loopback interface has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        Self { endpoint: format!("http://{address}"), accepting: tokio::spawn(accept(listener, serve)).abort_handle() }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The accept loop owns the tasks of the connections, which end with it.
        self.accepting.abort();
    }
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(Connection) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(Connection::new(stream)));
            },
            // Frees the tasks that have ended. Their errors matter only to their clients.
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection of a client, with the bytes that were received and not parsed yet.
pub(crate) struct Connection {
    stream: TcpStream,
    arrived: Vec<u8>,
    /// Whether the client asked to close the connection after its last request.
    last: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        // Sends small responses at once. A socket that refuses this is only slower.
        let _ = stream.set_nodelay(true);
        Self { stream, arrived: Vec::new(), last: false }
    }

    /// The TCP stream, for another protocol. Nothing may have been read from it.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The next request, or `None` if the client has closed the connection or asked for its end.
    pub(crate) async fn next_request(&mut self) -> io::Result<Option<Request>> {
        if self.last {
            return Ok(None);
        }
        loop {
            if let Some((request, length)) = parse_request(&self.arrived)? {
                self.arrived.drain(..length);
                self.last = request.is_last();
                return Ok(Some(request));
            }
            if self.stream.read_buf(&mut self.arrived).await? == 0 {
                return Ok(None);
            }
        }
    }

    pub(crate) async fn respond(&mut self, response: &Response) -> io::Result<()> {
        self.write(response, response.body.len()).await
    }

    /// Announces the whole body, sends its first `length` bytes, and closes the connection.
    pub(crate) async fn respond_cut(mut self, response: &Response, length: usize) -> io::Result<()> {
        self.write(response, length.min(response.body.len())).await?;
        self.stream.shutdown().await
    }

    /// Announces the whole body, and sends it byte by byte, each after a pause.
    pub(crate) async fn respond_dripping(mut self, response: &Response, every: Duration) -> io::Result<()> {
        self.write(response, 0).await?;
        for byte in &response.body {
            sleep(every).await;
            self.stream.write_all(&[*byte]).await?;
        }
        Ok(())
    }

    /// Forwards all further bytes to `address`, and its bytes back.
    pub(crate) async fn tunnel(mut self, address: &str) -> io::Result<()> {
        let mut upstream = TcpStream::connect(address).await?;
        self.stream.write_all(b"HTTP/1.1 200 \r\n\r\n").await?;
        upstream.write_all(&self.arrived).await?;
        copy_bidirectional(&mut self.stream, &mut upstream).await.map(drop)
    }

    /// Ends the connection with a TCP reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Waits until the client closes the connection, and ignores what it sends.
    pub(crate) async fn wait_for_end(&mut self) -> io::Result<()> {
        let mut ignored = [0; 1024];
        while self.stream.read(&mut ignored).await? > 0 {}
        Ok(())
    }

    async fn write(&mut self, response: &Response, length: usize) -> io::Result<()> {
        let message = [response.head().as_bytes(), &response.body[..length]].concat();
        self.stream.write_all(&message).await
    }
}
