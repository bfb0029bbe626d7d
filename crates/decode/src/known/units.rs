//! The units of the fields of known devices, as their documentation has them.
//!
//! A field that is not here has no unit, or one that the documentation leaves open.

/// Tasmota: <https://tasmota.github.io/docs/> (commands, sensors, `%prefix%/%topic%/SENSOR`).
/// Temperatures and pressures have the units that each message names.
pub(super) fn tasmota(field: &str) -> Option<&'static str> {
    Some(match field {
        "Total" | "Yesterday" | "Today" | "ExportActive" | "ImportActive" => "kWh",
        "Period" => "Wh",
        "Power" | "ActivePower" => "W",
        "ApparentPower" => "VA",
        "ReactivePower" => "var",
        "Voltage" | "Vcc" => "V",
        "Current" => "A",
        "Frequency" => "Hz",
        "Humidity" | "Moisture" | "RSSI" | "Dimmer" | "BatteryPercentage" => "%",
        "Illuminance" => "lx",
        "CarbonDioxide" | "eCO2" => "ppm",
        "TVOC" => "ppb",
        "Distance" => "cm",
        r"PM1" | r"PM2\.5" | "PM10" => "µg/m³",
        "Signal" => "dBm",
        "UptimeSec" => "s",
        "Sleep" => "ms",
        _ => return None,
    })
}

/// `Zigbee2MQTT`: <https://www.zigbee2mqtt.io/supported-devices/> (the exposes of the devices).
/// `voltage` is in mV for batteries, in V for mains.
pub(super) fn zigbee2mqtt(field: &str) -> Option<&'static str> {
    Some(match field {
        "temperature"
        | "device_temperature"
        | "local_temperature"
        | "soil_temperature"
        | "external_temperature_input"
        | "occupied_heating_setpoint"
        | "unoccupied_heating_setpoint"
        | "current_heating_setpoint"
        | "local_temperature_calibration" => "°C",
        "humidity"
        | "soil_moisture"
        | "battery"
        | "position"
        | "pi_heating_demand"
        | "valve_opening_degree" => "%",
        "pressure" => "hPa",
        "illuminance" | "illuminance_lux" => "lx",
        "power" | "power_phase_b" | "power_phase_c" => "W",
        "power_apparent" => "VA",
        "power_reactive" => "VAR",
        "energy" | "produced_energy" => "kWh",
        "current" | "current_phase_b" | "current_phase_c" => "A",
        "voltage_phase_b" | "voltage_phase_c" => "V",
        "ac_frequency" => "Hz",
        "co2" => "ppm",
        "voc" => "ppb",
        "pm10" | "pm25" => "µg/m³",
        "formaldehyd" => "mg/m³",
        "linkquality" => "lqi",
        "color_temp" | "color_temp_startup" => "mired",
        "occupancy_timeout" => "s",
        "elapsed" => "ms",
        _ => return None,
    })
}

/// Shelly Gen1, by the last level of the topic: <https://shelly-api-docs.shelly.cloud/gen1/>.
/// Energy of a relay is in watt-minutes, energy of a meter (`total`) in watt-hours.
pub(super) fn shelly_gen1(level: &str, is_meter: bool) -> Option<&'static str> {
    Some(match level {
        "power" => "W",
        "energy" | "returned_energy" => "W·min",
        "total" | "total_returned" if is_meter => "Wh",
        "reactive_power" => "var",
        "voltage" | "adc" => "V",
        "current" => "A",
        "temperature" | "ext_temperature" | "tC" => "°C",
        "temperature_f" | "ext_temperature_f" | "tF" => "°F",
        "humidity" | "ext_humidity" | "battery" | "pos" | "brightness" | "gain" => "%",
        "lux" => "lx",
        "tilt" => "°",
        "concentration" => "ppm",
        _ => return None,
    })
}

/// Shelly Gen2 and later: <https://shelly-api-docs.shelly.cloud/gen2/> (status of components).
pub(super) fn shelly(field: &str) -> Option<&'static str> {
    // Meters of three phases have the phase before the name: `a_act_power`, `total_act_power`.
    let phase = ["a_", "b_", "c_", "n_", "total_"];
    let plain = { phase.iter() }
        .find_map(|phase| field.strip_prefix(phase))
        .unwrap_or(field);
    Some(match plain {
        "apower" | "act_power" => "W",
        "aprt_power" => "VA",
        "voltage" | "V" => "V",
        "current" => "A",
        "freq" => "Hz",
        "total"
        | "act_energy"
        | "act_ret_energy"
        | "total_act_energy"
        | "total_act_ret_energy"
        | "act"
        | "act_ret" => "Wh",
        "by_minute" => "mWh",
        "tC" => "°C",
        "tF" => "°F",
        "rh" | "percent" | "brightness" | "current_pos" | "target_pos" => "%",
        "lux" => "lx",
        "rssi" => "dBm",
        "uptime" => "s",
        "ram_size" | "ram_free" | "fs_size" | "fs_free" => "B",
        _ => return None,
    })
}

/// The radio link of `LoRaWAN`: <https://www.thethingsindustries.com/docs/integrations/data-formats/>
/// and <https://www.chirpstack.io/docs/chirpstack/integrations/events.html>. What a device sends in
/// its payload is known to its codec only.
pub(super) fn lorawan(field: &str) -> Option<&'static str> {
    Some(match field {
        "rssi" => "dBm",
        "snr" | "margin" => "dB",
        "batteryLevel" => "%",
        _ => return None,
    })
}

/// `OwnTracks`: <https://owntracks.org/booklet/tech/json/>.
pub(super) fn owntracks(field: &str) -> Option<&'static str> {
    Some(match field {
        "lat" | "lon" | "cog" => "°",
        "acc" | "alt" | "vac" | "rad" => "m",
        "batt" => "%",
        "vel" => "km/h",
        "p" => "kPa",
        "rssi" => "dBm",
        _ => return None,
    })
}

/// `OpenMQTTGateway` and Theengs: <https://decoder.theengs.io/participate/adding-decoders.html>;
/// fields of `rtl_433` carry their unit in the name.
pub(super) fn openmqttgateway(field: &str) -> Option<&'static str> {
    Some(match field {
        "tempc" | "tempc2_ble" | "temperature_C" | "temperature_1_C" | "temperature_2_C" => "°C",
        "tempf" | "tempf2_ble" | "temperature_F" => "°F",
        "hum" | "humidity" | "batt" | "moi" | "moisture" => "%",
        "volt" | "battery_V" => "V",
        "lux" | "light_lux" => "lx",
        "fer" => "µS/cm",
        "co2" | "co2_ppm" => "ppm",
        "pm25" | "pm10" | "pm2_5_ug_m3" | "pm10_ug_m3" => "µg/m³",
        "distance" => "m",
        "rssi" => "dBm",
        "snr" => "dB",
        "pres" | "pressure_hPa" => "hPa",
        "pressure_kPa" => "kPa",
        "wind_avg_km_h" | "wind_max_km_h" => "km/h",
        "wind_avg_m_s" | "wind_max_m_s" => "m/s",
        "wind_dir_deg" => "°",
        "rain_mm" => "mm",
        "power_W" => "W",
        "energy_kWh" => "kWh",
        _ => return None,
    })
}
