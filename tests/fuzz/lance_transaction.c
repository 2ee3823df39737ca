/* lance_transaction.c - fuzz target: any bytes as a transaction's message, of which the operation is asked, as a commit asks
 * those of the writers that were first. */
#include <stdlib.h>

#include "lance/table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t operation = table_transaction_operation((wire_span){data, size});
    const char *name = table_operation_name(operation);
    if (operation == 0 && name)
        abort();
    return 0;
}
