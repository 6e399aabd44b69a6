"""Values as two different stores hold them, made comparable and made to fit.

```
kinds       what a column can hold, as reflection found it: the record that the stores fill in
```
"""
