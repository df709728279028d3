//! Certificate errors: what is wrong with a server's certificate, found in the cause of a failed
//! call.
//!
//! A certificate that is not accepted is a setting to be fixed, here or on the server. It is not an
//! outage, so such a call is not repeated.

use std::{error::Error as StdError, io, iter, time::Duration};

use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage, pki_types::UnixTime};

/// Names of a certificate that are told: one of a content delivery network has a hundred.
const MOST_NAMES: usize = 3;

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CertificateProblem {
    /// The server's certificate is not trusted, and why.
    NotTrusted(Distrust),
    /// The server's certificate is for other names than the expected one.
    WrongName { expected: Option<String>, presented: Vec<String> },
    /// The server's certificate has expired: when, and what the clock here says.
    Expired { on: Option<String>, now: Option<String> },
    /// The server's certificate is not valid before a day to come.
    NotValidYet { from: Option<String>, now: Option<String> },
    /// The server refuses the client's certificate, or asks for one, and what it says.
    ClientRefused(&'static str),
}

/// Why a certificate is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distrust {
    UnknownIssuer,
    /// An authority of the issuer's name is trusted, and has another key.
    OtherIssuer,
    /// It is that of an authority, as self-signed ones often are.
    Authority,
    Missing,
    Revoked,
    NotForServers,
    Malformed,
    Extension,
    Algorithm,
    Unverified,
}

/// Where the settings of a vendor name certificates, for hints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CertificateSettings<'a> {
    /// What names the authorities to trust, such as ``"`ca_file` or VAULT_CACERT"``.
    pub(crate) authorities: &'a str,
    /// What has the server's name, such as `the address`.
    pub(crate) name: &'a str,
    /// What names the client's certificate; `None` if there is no setting for one.
    pub(crate) client: Option<&'a str>,
}

/// What is wrong with a certificate, if that is why a call failed.
pub(crate) fn certificate_problem(error: &(dyn StdError + 'static)) -> Option<CertificateProblem> {
    causes(error).find_map(|cause| match cause.downcast_ref::<TlsError>()? {
        TlsError::InvalidCertificate(error) => Some(of_certificate(error)),
        TlsError::NoCertificatesPresented => Some(CertificateProblem::NotTrusted(Distrust::Missing)),
        TlsError::AlertReceived(alert) => of_alert(*alert).map(CertificateProblem::ClientRefused),
        _ => None,
    })
}

/// Whether a call failed because the server does not speak TLS.
pub(crate) fn speaks_no_tls(error: &(dyn StdError + 'static)) -> bool {
    let is_foreign = |cause: &(dyn StdError + 'static)| {
        matches!(cause.downcast_ref::<TlsError>(), Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)))
    };
    causes(error).any(is_foreign)
}

/// An error and its causes. An `io::Error` does not name the error that it wraps as its source, but
/// that error's own.
pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    fn next<'a>(error: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    }
    iter::successors(Some(error), next)
}

fn of_certificate(error: &CertificateError) -> CertificateProblem {
    use CertificateError as E;
    match error {
        E::Expired => CertificateProblem::Expired { on: None, now: None },
        E::ExpiredContext { time, not_after } => CertificateProblem::Expired { on: day(*not_after), now: day(*time) },
        E::NotValidYet => CertificateProblem::NotValidYet { from: None, now: None },
        E::NotValidYetContext { time, not_before } => {
            CertificateProblem::NotValidYet { from: day(*not_before), now: day(*time) }
        }
        E::NotValidForName => CertificateProblem::WrongName { expected: None, presented: Vec::new() },
        E::NotValidForNameContext { expected, presented } => CertificateProblem::WrongName {
            expected: Some(expected.to_str().into_owned()),
            presented: presented.iter().filter_map(|name| name_in(name)).collect(),
        },
        other => CertificateProblem::NotTrusted(why_not_trusted(other)),
    }
}

fn why_not_trusted(error: &CertificateError) -> Distrust {
    use CertificateError as E;
    match error {
        E::UnknownIssuer => Distrust::UnknownIssuer,
        E::BadSignature => Distrust::OtherIssuer,
        E::Revoked => Distrust::Revoked,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Distrust::NotForServers,
        E::BadEncoding => Distrust::Malformed,
        E::UnhandledCriticalExtension => Distrust::Extension,
        E::UnsupportedSignatureAlgorithmContext { .. } | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Distrust::Algorithm
        }
        other if is_authority(other) => Distrust::Authority,
        _ => Distrust::Unverified,
    }
}

impl Distrust {
    fn message(self) -> &'static str {
        match self {
            Self::UnknownIssuer => "its issuer is not known here",
            Self::OtherIssuer => "its signature is not by the authority of that name that is trusted here",
            Self::Authority => "it is self-signed, or an authority's own",
            Self::Missing => "the server presents none",
            Self::Revoked => "it has been revoked",
            Self::NotForServers => "it is not meant for servers",
            Self::Malformed => "it is malformed",
            Self::Extension => "it has a critical extension that is not supported",
            Self::Algorithm => "it is signed by an algorithm that is not supported",
            Self::Unverified => "it can't be verified",
        }
    }

    /// What to do about it. `authorities` is what names those to trust.
    fn hint(self, authorities: &str) -> String {
        let replaced = match self {
            Self::UnknownIssuer | Self::OtherIssuer | Self::Authority | Self::Unverified => {
                return format!("name the authority that signed it by {authorities}");
            }
            Self::Missing => return "give the server a certificate in its TLS settings".to_owned(),
            Self::Revoked => "that has not been revoked",
            Self::NotForServers => "with the extended key usage `serverAuth`",
            Self::Malformed => "in the form of X.509 version 3",
            Self::Extension => "without it",
            Self::Algorithm => "signed by ECDSA, Ed25519 or RSA with SHA-256 or a longer hash",
        };
        format!("replace the server's certificate by one {replaced}")
    }
}

/// Whether a server's certificate was refused because it is that of an authority, as self-signed
/// ones often are. The verifier's own type of error is not public.
pub(super) fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity")
}

/// What an alert says about the client's certificate.
fn of_alert(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::CertificateRequired => Some("it asks for one"),
        AlertDescription::UnknownCA => Some("it does not know its issuer"),
        AlertDescription::CertificateExpired => Some("it has expired"),
        AlertDescription::CertificateRevoked => Some("it has been revoked"),
        AlertDescription::DecryptError => Some("it can't verify its signature"),
        AlertDescription::AccessDenied => Some("it is not allowed in"),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => Some("it does not accept it"),
        _ => None,
    }
}

/// The name in a verifier's description of one, such as `DnsName("a.example")`.
fn name_in(described: &str) -> Option<String> {
    let (_, rest) = described.split_once('(')?;
    let name = rest.strip_suffix(')')?.trim_matches('"');
    // The server chooses it: it could hold anything.
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_graphic());
    is_name.then(|| name.to_owned())
}

fn day(time: UnixTime) -> Option<String> {
    let time = std::time::SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()))?;
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.get(..10).map(str::to_owned)
}

impl CertificateProblem {
    /// What failed. `server` is `HOST:PORT`, or `the proxy HOST:PORT`.
    pub(crate) fn message(&self, server: &str) -> String {
        let told = format!("the certificate of {server}");
        match self {
            Self::NotTrusted(why) => format!("{told} is not trusted: {}", why.message()),
            Self::WrongName { expected, presented } => {
                let expected = expected.as_deref().unwrap_or("that name");
                match listed(presented) {
                    Some(names) => format!("{told} is for {names}, not {expected}"),
                    None => format!("{told} is not for {expected}: it has no subject alternative name"),
                }
            }
            Self::Expired { on: Some(on), .. } => format!("{told} expired on {on}"),
            Self::Expired { on: None, .. } => format!("{told} has expired"),
            Self::NotValidYet { from: Some(from), .. } => format!("{told} is not valid before {from}"),
            Self::NotValidYet { from: None, .. } => format!("{told} is not valid yet"),
            Self::ClientRefused(why) => format!("{server} refused the client's certificate: {why}"),
        }
    }

    /// Whether a setting here can make the certificate acceptable, by naming an authority.
    pub(crate) fn is_of_trust(&self) -> bool {
        use Distrust as D;
        matches!(self, Self::NotTrusted(D::UnknownIssuer | D::OtherIssuer | D::Authority | D::Unverified))
    }

    /// What to do about it.
    pub(crate) fn hint(&self, settings: CertificateSettings<'_>) -> String {
        match self {
            Self::NotTrusted(why) => why.hint(settings.authorities),
            Self::WrongName { .. } => format!("use one of the certificate's names in {}", settings.name),
            Self::Expired { now, .. } | Self::NotValidYet { now, .. } => {
                let clock = now.as_ref().map(|now| format!(", which says {now}")).unwrap_or_default();
                format!("renew the server's certificate, or set the clock of this machine{clock}")
            }
            Self::ClientRefused(_) => match settings.client {
                Some(client) => format!("set {client} to a certificate that the server accepts, with its key"),
                None => "the server asks for a client certificate, which there is no setting for".to_owned(),
            },
        }
    }
}

/// The names of a certificate, for people. `None` if it has none.
fn listed(names: &[String]) -> Option<String> {
    let shown = names.get(..MOST_NAMES).unwrap_or(names).join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        _ if names.is_empty() => None,
        0 => Some(shown),
        more => Some(format!("{shown} and {more} more names")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{OtherError, pki_types::ServerName};

    use super::*;

    /// An error as HTTP clients wrap it: twice in an `io::Error`.
    fn wrapped(error: TlsError) -> io::Error {
        io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn told(error: CertificateError) -> String {
        let error = wrapped(error.into());
        certificate_problem(&error).expect("a certificate's").message("vault:8200")
    }

    fn at(days: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(days * 24 * 60 * 60))
    }

    #[test]
    fn each_problem_of_a_certificate_is_told_from_the_others() {
        let expired = CertificateError::ExpiredContext { time: at(20_000), not_after: at(19_000) };
        assert_eq!(told(expired), "the certificate of vault:8200 expired on 2022-01-08");
        let early = CertificateError::NotValidYetContext { time: at(19_000), not_before: at(20_000) };
        assert_eq!(told(early), "the certificate of vault:8200 is not valid before 2024-10-04");
        assert_eq!(
            told(CertificateError::UnknownIssuer),
            "the certificate of vault:8200 is not trusted: its issuer is not known here"
        );
        let own: Arc<dyn StdError + Send + Sync> = Arc::new(io::Error::other("CaUsedAsEndEntity"));
        assert!(told(CertificateError::Other(OtherError(own))).contains("self-signed"));
    }

    #[test]
    fn an_authority_is_to_be_named_only_where_that_helps() {
        let settings = CertificateSettings { authorities: "`ca_file`", name: "the address", client: None };
        let hint = |error: TlsError| certificate_problem(&wrapped(error)).expect("a certificate's").hint(settings);
        for error in [CertificateError::UnknownIssuer, CertificateError::BadSignature] {
            assert_eq!(hint(error.into()), "name the authority that signed it by `ca_file`");
        }
        for (error, told) in [
            (CertificateError::Revoked.into(), "has not been revoked"),
            (CertificateError::InvalidPurpose.into(), "serverAuth"),
            (CertificateError::BadEncoding.into(), "X.509"),
            (CertificateError::UnhandledCriticalExtension.into(), "without it"),
            (TlsError::NoCertificatesPresented, "give the server a certificate"),
        ] {
            let hint = hint(error);
            assert!(hint.contains(told) && !hint.contains("ca_file"), "{hint}");
        }
    }

    #[test]
    fn names_of_a_certificate_are_told_and_not_believed() {
        let named = |presented: &[&str]| {
            told(CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("vault.corp").expect("a name"),
                presented: presented.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        assert_eq!(
            named(&["DnsName(\"a.corp\")", "IpAddress(10.0.0.1)"]),
            "the certificate of vault:8200 is for a.corp, 10.0.0.1, not vault.corp"
        );
        let many = ["DnsName(\"a\")"; 9];
        assert!(named(&many).contains("is for a, a, a and 6 more names, not vault.corp"));
        for none in [&[][..], &["DnsName(\"a\nb\")"], &["DirectoryName"]] {
            assert!(named(none).ends_with("is not for vault.corp: it has no subject alternative name"), "{none:?}");
        }
    }

    #[test]
    fn other_failures_are_no_certificates() {
        for error in [
            io::Error::from(io::ErrorKind::ConnectionRefused),
            wrapped(TlsError::HandshakeNotComplete),
            wrapped(TlsError::AlertReceived(AlertDescription::HandshakeFailure)),
        ] {
            assert_eq!(certificate_problem(&error), None, "{error:?}");
        }
        let plain = wrapped(TlsError::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(speaks_no_tls(&plain) && certificate_problem(&plain).is_none());
        let refused = wrapped(TlsError::AlertReceived(AlertDescription::CertificateRequired));
        let problem = certificate_problem(&refused).expect("a certificate's");
        assert_eq!(problem.message("vault:8200"), "vault:8200 refused the client's certificate: it asks for one");
    }
}
