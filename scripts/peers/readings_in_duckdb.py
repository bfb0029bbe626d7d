"""Asks DuckDB what scripts/bench view asks iot-store, about the same readings: FOLDER CSV RANGES BUCKETS."""

import sys
import time

import duckdb

folder, csv, ranges, buckets = sys.argv[1:]


def timed(query, parameters=None):
    start = time.perf_counter()
    rows = database.execute(query, parameters).fetchall()
    return time.perf_counter() - start, rows


database = duckdb.connect(f"{folder}/readings.duckdb")
loaded, _ = timed(
    "CREATE TABLE readings AS SELECT topic, value, time FROM"
    f" read_csv('{csv}', types = {{'metric': 'VARCHAR', 'unit': 'VARCHAR', 'value': 'DOUBLE', 'time': 'TIMESTAMP'}})"
)
_, [(count,)] = timed("SELECT count(*) FROM readings")
QUERY = """
    SELECT (epoch_ms(time) - $since) * $buckets // ($until - $since) AS bucket, count(*), min(value), max(value),
           avg(value), arg_min(value, time), arg_max(value, time)
    FROM readings WHERE time >= make_timestamp_ms($since) AND time < make_timestamp_ms($until)
    GROUP BY bucket ORDER BY bucket
"""
times = []
with open(ranges) as file:
    for line in file:
        since, until = map(int, line.split())
        parameters = {"since": since, "until": until, "buckets": int(buckets)}
        times.append(min(timed(QUERY, parameters)[0] for _ in range(2)))
times.sort()
print(
    f"DuckDB {duckdb.__version__}, the same ranges: median {times[len(times) // 2] * 1e3:.1f} ms,"
    f" longest {times[-1] * 1e3:.1f} ms (its table was made of the CSV in {loaded:.1f} s)"
)
FACTS = "count(*), round(sum(value), 3), min(epoch_ms(time)), max(epoch_ms(time))"
_, [parquet] = timed(f"SELECT {FACTS} FROM read_parquet('{folder}/long.parquet')")
_, [same] = timed(f"SELECT {FACTS} FROM readings WHERE epoch_ms(time) >= {parquet[2]}")
if parquet != same:
    sys.exit(f"the Parquet file has {parquet}, the CSV {same}")
print(f"DuckDB reads the Parquet file: {parquet[0]} readings with the sum {parquet[1]}, as in the CSV")
exported, _ = timed(f"COPY (SELECT * FROM readings ORDER BY time) TO '{folder}/duckdb.csv'")
print(f"DuckDB, CSV of the whole series to a file: {count / exported:.0f} rows/s")
