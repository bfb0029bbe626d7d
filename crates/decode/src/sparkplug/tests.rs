mod host;
mod sessions;
mod values;
