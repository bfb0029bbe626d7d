//! mosquitto's options that these programs don't have, and why.

/// Returns why there is no such option, for an option of mosquitto's.
pub(crate) fn reason(option: &str) -> Option<&'static str> {
    let name = option.split_once('=').map_or(option, |(name, _)| name);
    Some(match name {
        "--psk" | "--psk-identity" => {
            "the TLS library has no pre-shared keys (use certificates: --cafile FILE)"
        }
        "--ciphers" | "--tls13-ciphers" => {
            "the TLS library offers only ciphers that are known to be secure (leave the option out)"
        }
        "--tls-engine" | "--tls-engine-kpass-sha1" | "--keyform" => {
            "the TLS library has no engines (use a key in a PEM file: --key FILE)"
        }
        "-S" => "the broker's address is not looked up in SRV records (use -h HOST and -p PORT)",
        _ => return None,
    })
}
