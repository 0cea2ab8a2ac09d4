// Only a place for the precompiled headers: nothing runs it.
int main() { return 0; }
