"""Tables: as text for the terminal, as Markdown for the README."""
import json
import statistics

from harness.cycles import CASES, MANY, Case


def columns(rows, right):
    """Formats rows in columns. right: the columns to align right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(
        cell.rjust(width) if i in right else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def spread(values):
    return f"{min(values):,.1f}" if values else "-", \
        f"{max(values):,.1f}" if values else "-"


def case_table(results, clients, missing, case):
    rows = [["client", "CPU us a cycle", "min", "max", "cycles/s", "peak MiB",
             "x wrk", "x bare"]]
    for client in clients:
        values = results.values(case, client.name, "cpu_us")
        if client.name in missing and client.fits(case):
            rows.append([client.title, "missing", *[""] * 6])
        if not values:
            continue
        peak = results.median(case, client.name, "peak_kib")
        rows.append([
            client.title, f"{statistics.median(values):,.1f}", *spread(values),
            number(results.median(case, client.name, "per_s")),
            number(peak and peak / 1024, 1),
            number(results.ratio(case, client.name, "wrk"), 2),
            number(results.ratio(case, client.name, "bare"), 2)])
    return columns(rows, range(1, 8))


def cycle_tables(results, clients, missing):
    for case in CASES + MANY:
        if case.key() in results.runs:
            yield (f"\n{case}\n\n"
                   f"{case_table(results, clients, missing, case)}")


def missing_table(missing, failed):
    lines = [f"missing: {name}: no {what}" for name, what in missing.items()]
    lines += [f"failed: {name}: {why}" for name, why in failed.items()]
    return "\n".join(lines)


def cold_table(cold):
    rows = [["", "CPU us new", "CPU us resumed", "resumed", "MiB", "seconds"]]
    for name, of in cold.items():
        rows.append([name, number(of["new_us"]), number(of["resumed_us"]),
                     f"{of['resumed_part']:.0%}", number(of["resident_mib"]),
                     number(of["seconds"], 2)])
    return columns(rows, range(1, 6))


def inbox_table(inbox):
    disk = inbox["disk"]
    rows = [["queues", "messages/s", "cores used", "CPU us a message"]]
    for queues, of in inbox["queues"].items():
        rows.append([queues, number(of["messages_per_s"]),
                     number(of["cores"], 2),
                     number(of["cpu_us_a_message"], 1)])
    return (columns(rows, range(0, 4)) + "\nthe disk: "
            f"{disk['syncs_per_s_4k']:,.0f} syncs a second of 4 KiB, "
            f"{disk['syncs_per_s_256k']:,.0f} of 256 KiB")


def markdown_cell(results, missing, case, client):
    if client.name in missing:
        return "missing"
    return number(results.median(case, client.name),
                  0 if client.name == "official" else 1)


def markdown(results, clients, missing, machine):
    """The README's table: one host, plain and TLS."""
    cases = [Case(tls, at_once, 1) for at_once in (64, 1000)
             for tls in (False, True)]
    lines = [
        "| CPU microseconds a cycle | plain, 64 | TLS 1.3, 64 | plain, 1,000 "
        "| TLS 1.3, 1,000 | peak MiB, TLS, 64 |",
        "|---|--:|--:|--:|--:|--:|"]
    for client in clients:
        peak = results.median(cases[1], client.name, "peak_kib")
        cells = [markdown_cell(results, missing, case, client)
                 for case in cases]
        lines.append(f"| {client.title} | " + " | ".join(cells)
                     + f" | {number(peak and peak / 1024, 0)} |")
    lines.append("")
    lines.append(f"{machine['date']}, {machine['cpu']}, {machine['cores']} "
                 f"cores, {machine['system']}, Linux {machine['kernel']}.")
    return "\n".join(lines)


def records(results):
    """Every run, for the file of results."""
    return [{"tls": key[0], "at_once": key[1], "hosts": key[2],
             "client": name, "cpu_us": statistics.median(
                 run["cpu_us"] for run in runs),
             "runs": runs}
            for key, of_case in results.runs.items()
            for name, runs in of_case.items()]


def write_part(path, part, content):
    """Replaces one part of the file of results."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known[part] = content
    path.write_text(json.dumps(known, indent=1) + "\n")
