"""Shadow mode: mirror, compare, conclude, report. The mirror and the comparer are not part of this release."""
