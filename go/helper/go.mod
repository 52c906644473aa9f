module plumb.dev/go/helper

go 1.26.0
