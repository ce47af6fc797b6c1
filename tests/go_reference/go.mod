module templatereference

go 1.23
