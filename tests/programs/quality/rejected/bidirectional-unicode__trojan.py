ACCESS = "user‮ ⁦# check⁩ ⁦"
