// A handler whose import blocks its thread for ever.
for (;;);
