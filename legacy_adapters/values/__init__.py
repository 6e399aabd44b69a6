"""Values as two different stores hold them, made comparable and made to fit.

```
kinds       what a column can hold, as reflection found it: the record that the stores fill in
coerce      a mapped value → what its column can hold, exactly, or a refusal that says why
fitting     the same question of a whole column at once: may it stay as it is?
canonical   what makes two values equal, whatever store and driver they came from
```
"""
