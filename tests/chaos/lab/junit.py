"""Results as a JUnit file, which tests/summary.py adds up."""

import xml.etree.ElementTree as ET


def write(path, suite, results):
    """results: [(name, seconds, findings)]; a case without findings has passed."""
    top = ET.Element("testsuite", name=suite, tests=str(len(results)), failures=str(sum(1 for r in results if r[2])))
    for name, seconds, findings in results:
        case = ET.SubElement(top, "testcase", classname=suite, name=name, time=f"{seconds:.1f}")
        if findings:
            ET.SubElement(case, "failure", message=findings[0][:300]).text = "\n".join(findings)
    ET.ElementTree(top).write(path, encoding="unicode", xml_declaration=True)
